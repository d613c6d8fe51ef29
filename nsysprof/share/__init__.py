"""Copy a trace with what analysis needs and nothing that tells whose it is."""

from nsysprof.share.copy import share_trace
from nsysprof.share.names import Names
from nsysprof.share.results import Shared

__all__ = ["Names", "Shared", "share_trace"]

"""Copy what analysis needs out of an nsys SQLite export, and nothing that tells where it was captured.

What `nsysprof share` does, for machines that have this checkout and no installed nsysprof.

usage: strip_trace.py EXPORT.sqlite STRIPPED.sqlite.xz
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nsysprof.share import Names, share_trace


def main() -> None:
    """Copy the trace, and say how much smaller the copy is; a copy that is there is replaced."""
    source, target = map(Path, sys.argv[1:])
    shared = share_trace(source, target, Names(), force=True)
    for what, count in shared.replaced.items():
        if count:
            print(f"{target.name}: blanked {count} names ({what})")
    print(f"{target.name}: {shared.source_bytes:,} -> {shared.target_bytes:,} bytes")


if __name__ == "__main__":
    main()

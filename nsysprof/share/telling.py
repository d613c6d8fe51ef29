"""Names that tell a path, a file, an address, a device or a secret, by how such things are written.

Slashes alone tell nothing: ranges are called ``UNet/down/conv``, ``jit(f)/transpose/mul``, ``Region: 0/0``.
"""

import re

_ROOTS = "etc|gpfs|home|lustre|mnt|nfs|opt|private|root|scratch|srv|tmp|Users|usr|var|Volumes|workspace"
"""Folders near the root, below which everything is a path."""
_FILES = (
    r"arrow|avi|bin|bz2|cc|cfg|ckpt|conf|cpp|csv|cu|cubin|cuh|docx?|exe|flac|gguf|gif|gz|h5|hdf5|hpp|html?|ini|ipynb"
    r"|jpe?g|jsonl?|mp[34]|nsys-rep|npy|npz|onnx|parquet|pdf|pem|pickle|pkl|png|pth?|ptx|py|qdstrm|safetensors|sh"
    r"|sqlite3?|tar|tfrecord|tiff?|toml|tsv|txt|wav|webp|xlsx?|xml|xz|ya?ml|zip|zst"
)
"""Endings of file names; not those that are operators or modules, too: ``torch.log``, ``transformer.h``."""
_SECRETS = ("token", "password", "passwd", "secret", "credential", "api_key", "api-key", "apikey")
_PLAIN = r"[+-]?[\d.]{1,7}(?![\w.])|\d{1,5}x\d|True|False|None|[\[(]"
"""Values that are no secret, as in ``seq = 12``, ``BLOCK_M=64``, ``sizes = [2, 4]``."""
_CAPITALS = "|".join(rf"(?<=[A-Z_][A-Z0-9_]{{{more}}}=)" for more in range(2, 9))

# Each expression begins with a rare character, which makes the search fast; looking back, it sees that, too.
_WRITTEN = (
    ("/", r"/(?<![^\s\"'`=,;:(\[{|]/)(?!(?:job|device):)[^\W\d]"),  # where a word begins
    ("/", rf"/(?<![\w)\]]/)[\w.+-]+/[\w.+-]|/(?:{_ROOTS})/|/(?<=-[A-Za-z]/)(?<!\w-[A-Za-z]/)\w"),
    ("./", r"\./(?<!\w\./)"),
    ("~", r"~(?<![\w)\]]~)\w*/"),
    (":/", r":/(?<=\w:/)[\w/]"),
    ("\\", r"\\(?:(?<=[A-Za-z]:\\)|\\\w|(?<=\.\\)(?<!\w\.\\))"),
    (".", rf"\.(?<=[\w)\]-]\.)(?:(?:{_FILES})(?![\w.(-])|(?:c|h|py)[:(]\d)"),
    (".so", r"\.so\b(?<!\W\.so)"),
    (".", r"\.(?<=\d\.)\d{1,3}\.\d{1,3}\.\d{1,3}(?!\w|\.\d)"),
    ("@", r"@(?<=\w@)[\w.-]{1,253}(?:\.[A-Za-z]{2}|:[\w/~])"),
    ("$", r"\$\{?[A-Z_][A-Z_]"),
    ("=", rf"=(?:{_CAPITALS})(?!{_PLAIN})\S"),
    ("--", rf"--(?<!\S--)[\w-]{{0,40}}(?:{'|'.join(_SECRETS)})[ =]\S"),
    (":", r":[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){4}(?![\w:])"),
    ("fe80:", r"fe80:"),
    ("gpu-", r"GPU-[0-9a-f]{8}-"),
    ("mig-", r"MIG-[0-9a-f]{8}-"),
    ("hf_", r"\bhf_[A-Za-z0-9]{30}"),
    ("sk-", r"\bsk-[\w-]{20}"),
    ("gh", r"\bgh[opsu]_[A-Za-z0-9]{30}"),
    ("akia", r"\bAKIA[0-9A-Z]{16}"),
    *((word, rf"{word}s?[\"']?\s?[=:]\s?(?!{_PLAIN})[\"']?\w") for word in _SECRETS),
)
_ANY_CASE = (".", ".so", "--", ":", "fe80:", *_SECRETS)
_TELLING = tuple(
    (mark, re.compile(pattern, re.IGNORECASE if mark in _ANY_CASE else 0)) for mark, pattern in _WRITTEN
)
"""What names hold, in small letters, that tell something, and the expression that makes sure."""


def tells_place_or_secret(name: str) -> bool:
    """Tell whether a name holds what looks like a path, file name, address, device number or secret."""
    lowered = name.lower()
    return any(mark in lowered and pattern.search(name) for mark, pattern in _TELLING)

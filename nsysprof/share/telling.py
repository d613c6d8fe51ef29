"""Names that tell a path, a file, an address, a device or a secret, by how such things are written.

Slashes alone tell nothing: ranges are called ``UNet/down/conv``, ``jit(f)/transpose/mul``, ``Region: 0/0``.
"""

import re

from nsysprof.secret_words import OPTION_WORDS, SECRET_WORDS

_ROOTS = "etc|gpfs|home|lustre|mnt|nfs|opt|private|root|scratch|srv|tmp|Users|usr|var|Volumes|workspace"
"""Folders near the root, below which everything is a path."""
_FILES = (
    r"arrow|avi|bin|bz2|cc|cfg|ckpt|conf|cpp|csv|cu|cubin|cuh|docx?|exe|flac|gguf|gif|gz|h5|hdf5|hpp|html?|ini|ipynb"
    r"|jpe?g|jsonl?|mp[34]|nsys-rep|npy|npz|onnx|parquet|pdf|pem|pickle|pkl|png|pth?|ptx|py|qdstrm|safetensors|sh"
    r"|sqlite3?|tar|tfrecord|tiff?|toml|tsv|txt|wav|webp|xlsx?|xml|xz|ya?ml|zip|zst"
)
"""Endings of file names; not those that are operators or modules, too: ``torch.log``, ``transformer.h``."""
_OPTIONS = rf"[\w-]{{0,40}}(?:{'|'.join(SECRET_WORDS)})|(?:[\w-]{{0,40}}[_-])?(?:{'|'.join(OPTION_WORDS)})"
"""Names of options that take a secret."""
_NO_TEXT = r"(?:True|False|None)(?!\w)"
_ITEM = rf"[+-]?[\d.]{{1,7}}(?![\w.]|-\w)|\d{{1,5}}(?:x\d{{1,5}})+(?![\w.]|-\w)|{_NO_TEXT}"
_PLAIN = rf"(?:{_ITEM}|[\[(](?:[\[(\]),\s]|{_ITEM})*[\])](?!\w))"
"""Values that are no secret, as in ``BLOCK_M=64``, ``TILE=64x64``, ``sizes = [2, 4]``."""
_COUNTED = ("token",)
"""Words that figures follow, too: there are so many tokens, while a password may be a figure."""
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
    ("--", rf"--(?<!\S--)(?:{_OPTIONS})[ =]\S"),
    (":", r":[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){4}(?![\w:])"),
    ("fe80:", r"fe80:"),
    ("gpu-", r"GPU-[0-9a-f]{8}-"),
    ("mig-", r"MIG-[0-9a-f]{8}-"),
    ("hf_", r"\bhf_[A-Za-z0-9]{30}"),
    ("sk-", r"\bsk-[\w-]{20}"),
    ("gh", r"\bgh[opsu]_[A-Za-z0-9]{30}"),
    ("akia", r"\bAKIA[0-9A-Z]{16}"),
    ("bearer", r"\bbearer\s[\w.~+/-]{16}"),
    *(
        (word, rf"{word}s?[\"']?\s?[=:]\s?(?!{_PLAIN if word in _COUNTED else _NO_TEXT})[\"'\[(]{{0,3}}\w")
        for word in SECRET_WORDS
    ),
)
_ANY_CASE = (".", ".so", "--", ":", "fe80:", *SECRET_WORDS)
_TELLING = tuple(
    (mark, re.compile(pattern, re.IGNORECASE if mark in _ANY_CASE else 0)) for mark, pattern in _WRITTEN
)
"""What names hold, in small letters, that tell something, and the expression that makes sure."""


def tells_place_or_secret(name: str) -> bool:
    """Tell whether a name holds what looks like a path, file name, address, device number or secret."""
    lowered = name.lower()
    return any(mark in lowered and pattern.search(name) for mark, pattern in _TELLING)

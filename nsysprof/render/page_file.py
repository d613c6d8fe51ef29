"""One self-contained HTML file: a template, scripts, style and data filled in, and how it gets to the disk.

The frame, the style and the scripts are files in ``assets``; plotly comes from the installed package,
deflated. A policy in the head lets only these very scripts run (by their hashes) and nothing be loaded.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from nsysprof.files import replacing
from nsysprof.render.pack import ALPHABET, packed
from nsysprof.render.plotly_source import plotly_source
from nsysprof.render.text import plain
from nsysprof.threads import Beside

_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""Hash of the empty style element that plotly fills rule by rule."""

_BLOCKS = ("picker", "keys", "payload")
"""Places of the frame that some pages leave empty."""

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Layout:
    """What sets one kind of page apart from another; all names are of files in ``assets``."""

    sections: Mapping[str, tuple[str, str]]
    """By the id of each section: its link's text and its heading."""
    scripts: Sequence[str]
    """In the order in which they make up the page's script."""
    styles: Sequence[str] = ("page.css",)
    picker: str = ""
    """Controls beside the links."""
    keys: str = ""
    """What the footer says of the keyboard."""
    payload: str = ""
    """Data beside ``page``."""


def assembled(layout: Layout, data: object, parts: Mapping[str, str | bytes]) -> str:
    """Return a whole page as ASCII text.

    data: JSON values that the scripts find as ``page``. parts: HTML for the frame's other placeholders;
    whoever makes it escapes it. Bytes are packed.
    """
    script, plotly = _script(layout.scripts), plotly_source()
    deflated = Beside(lambda: packed(plotly.encode()))
    style = "".join(_text(name) for name in layout.styles)
    everything = {
        **{name: part if isinstance(part, str) else packed(part) for name, part in parts.items()},
        "policy": _policy([script, plotly], style),
        "style": style,
        "alphabet": html.escape(ALPHABET),
        "data": packed(_json(data).encode()),
        "script": script,
        "plotly": deflated.result(),
    }
    filled = _PLACEHOLDER.sub(lambda match: everything[match[1]], _frame(layout))
    return filled.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _frame(layout: Layout) -> str:
    """Return the template that all pages share, with the parts of ``layout`` in their places."""
    links = (f'    <a href="#{key}">{link}</a>\n' for key, (link, _) in layout.sections.items())
    sections = (
        f'  <section id="{key}"><h2>{heading}</h2></section>\n'
        for key, (_, heading) in layout.sections.items()
    )
    blocks = {
        "first": next(iter(layout.sections)),
        "links": "".join(links),
        "sections": "".join(sections),
        **{name: _text(getattr(layout, name)) for name in _BLOCKS if getattr(layout, name)},
    }
    absent = dict.fromkeys(_BLOCKS, "")
    return _PLACEHOLDER.sub(lambda match: (absent | blocks).get(match[1], match[0]), _text("frame.html"))


def facts_html(facts: Iterable[tuple[str, str, str]]) -> str:
    """Return term, value and note of each fact as the inside of a definition list."""
    return "".join(
        f"<div><dt>{html.escape(term)}</dt><dd>{html.escape(value)}<small>{html.escape(note)}</small></dd></div>"
        for term, value, note in facts
    )


def write_file(text: str, target: Path, *inputs: Path) -> Path:
    """Write a page to ``target``, whose folder is made where it is missing, and return that.

    inputs: the files that the page is made from.

    Raises OutputError when it cannot be written, or is one of ``inputs``; then all stays as it was.
    """
    with replacing(target, "choose another path with --html", inputs) as partial:
        partial.write_bytes(text.encode("ascii"))
    return target


def shown(data: object) -> object:
    """Return ``data`` with all its texts made plain: a bidi override would mislead readers in HTML, too."""
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {key: shown(value) for key, value in data.items()}
    if isinstance(data, list):
        return [shown(value) for value in data]
    return data


def _json(data: object) -> str:
    """Return JSON that no HTML parser mistakes for markup: ASCII, and without ``<``, ``>`` and ``&``."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: list[str], style: str) -> str:
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src-elem {_hash(style)} {_EMPTY_STYLE}; "
        "style-src-attr 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _script(names: Sequence[str]) -> str:
    body = "\n".join(_text(name) for name in names)
    return f'"use strict";\n(async () => {{\n{body}\n}})().catch((error) => {{\n{_text("failure.js")}}});\n'


def _text(name: str) -> str:
    return (files("nsysprof.render") / "assets" / name).read_text(encoding="utf-8")

"""A kernel's facts for people and for programs."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsysprof.classify.categories import CATEGORY_LABELS
from nsysprof.classify.facts import KernelFacts
from nsysprof.classify.words import sentence
from nsysprof.render.text import plain

_LABELS = {"mma": "MMA shape", "split_k": "split-K", "head_dim": "head dimension"}
_TOLD_FIRST = ("name", "category")


def facts_to_json(facts: KernelFacts) -> str:
    """Return one line: every field, null where the name does not tell it, and the sentence as ``words``."""
    return json.dumps({**asdict(facts), "words": sentence(facts)}, ensure_ascii=False)


def print_facts(facts: KernelFacts, console: Console) -> None:
    """Print the name, its category, the fields that the name tells, and the sentence."""
    console.print(Text(plain(facts.name), style="bold", overflow="fold"))
    console.print(Text(f"  {CATEGORY_LABELS.get(facts.category, facts.category)}", style="cyan"))
    table = Table.grid(padding=(0, 2, 0, 2))
    for field, value in asdict(facts).items():
        if field not in _TOLD_FIRST and value is not None:
            label = _LABELS.get(field, field.replace("_", " "))
            table.add_row(Text(label, style="dim"), Text(plain(_text(value)), overflow="fold"))
    console.print(table)
    console.print(Text(f"  {plain(sentence(facts))}"))
    console.print()


def _text(value: object) -> str:
    """Return ``64x128`` for a shape, words for a list, yes or no for a truth."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return (", " if isinstance(value[0], str) else "x").join(map(str, value))
    return str(value)

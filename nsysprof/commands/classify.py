"""``nsysprof classify``: what kernel names say."""

from pathlib import Path
from typing import Annotated

import typer


def classify(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Kernel names; - reads them from stdin, one a line."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
    rules: Annotated[Path | None, typer.Option(help="TOML file of your own rules; they come first.")] = None,
) -> None:
    """Say what kernels are: category, facts decoded from the name, and a sentence in words.

    Rules of your own, as the README describes them, come before the built-in ones: from --rules, else from
    ~/.config/nsysprof/rules.toml.
    """
    import sys

    from rich.console import Console

    from nsysprof.classify import rule_set
    from nsysprof.classify.decoder import decode
    from nsysprof.render.facts import facts_to_json, print_facts

    chosen = rule_set(rules)
    wanted = (line for name in names for line in (sys.stdin if name == "-" else (name,)))
    console = Console(highlight=False, soft_wrap=False)
    for line in wanted:
        if name := line.strip("\r\n"):
            facts = decode(name, chosen)
            if as_json:
                typer.echo(facts_to_json(facts))
            else:
                print_facts(facts, console)

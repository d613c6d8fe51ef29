"""``nsysprof share``: a copy of a trace that may be shown to others."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nsysprof.errors import UsageError


def share(
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="SQLite export of an nsys capture.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The copy; compressed if it ends in .xz.", show_default=False),
    ],
    anonymize: Annotated[
        bool, typer.Option("--anonymize", help="Put tokens in place of the names of kernels and ranges.")
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Secret that tokens depend on; without it a guessed name can be checked."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was removed as one JSON object.")
    ] = False,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file of your own rules: what the tokens say of kernels."),
    ] = None,
) -> None:
    """Copy a trace with what analysis needs and nothing else, so that it can be passed on.

    No environment, command lines, host, user and process names or serial
    numbers; hotspots gives the same numbers on the copy. Names of kernels
    and ranges stay, but a token stands for those that hold a path, a file
    name, an address or a secret such as TOKEN=x. Other words in them, such
    as a customer's name or a folder's alone, are not looked for:
    --anonymize hides all names. A token is the same for the same name in
    every trace, and tells the category.
    """
    from nsysprof.classify import rule_set
    from nsysprof.render.progress import working
    from nsysprof.share import Names, share_trace

    names = Names(anonymize, _secret(key), rule_set(rules))
    with working(f"copying {trace}"):
        shared = share_trace(trace, output, names, force=force)
    from nsysprof.render.share_report import print_shared, to_json
    from nsysprof.render.text import plain

    for warning in shared.warnings:
        sys.stderr.write(f"warning: {plain(warning)}\n")
    if as_json:
        sys.stdout.write(to_json(shared) + "\n")
        return
    from rich.console import Console

    print_shared(shared, Console())


def _secret(key: Path | None) -> bytes:
    try:
        secret = key.read_bytes() if key else b""
    except OSError as error:
        raise UsageError(f"cannot read the key in {key}: {error.strerror}", "check the path") from None
    if key and not secret:
        raise UsageError(f"{key} is empty", "write some random bytes into it")
    return secret

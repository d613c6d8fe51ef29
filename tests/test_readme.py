"""The README says what the program does."""

import re
from pathlib import Path

from nsysprof import assets, measure_hotspots, open_trace
from nsysprof.commands import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_readme_names_every_command() -> None:
    told = set(re.findall(r"^\| `nsysprof (\w+)", README, re.MULTILINE))
    assert told == {command.name for command in app.registered_commands}


def test_readme_quotes_the_headline_of_the_demo(tmp_path: Path) -> None:
    quoted = re.search(r"<!-- demo-headline -->\n(.*?)<!-- /demo-headline -->", README, re.DOTALL)
    assert quoted
    told = " ".join(line.removeprefix("> ") for line in quoted[1].strip().splitlines())
    with open_trace(assets.unpack_demo(tmp_path)) as trace:
        assert told == " ".join(measure_hotspots(trace).headline)


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("reports/*/*.md"), *ROOT.glob("*/README.md")]:
        if ".venv" in document.parts:
            continue
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"

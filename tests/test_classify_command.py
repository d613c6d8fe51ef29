"""The command ``classify``: fields and words for people, JSON for programs, errors for bad rules."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nsysprof.commands import app
from nsysprof.errors import UsageError

GEMM = "ampere_fp16_s16816gemm_fp16_128x256_ldg8_relu_f2f_stages_64x3_tn"


def run(*arguments: str, stdin: str = "") -> str:
    result = CliRunner().invoke(app, ["classify", *arguments], input=stdin, env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_people_get_category_fields_and_a_sentence() -> None:
    lines = run(GEMM).splitlines()
    assert lines[:2] == [GEMM, "  GEMM"]
    assert lines[9].split() == ["stages", "3"]
    assert "cuBLAS's matrix product for Ampere GPUs; fp16 inputs" in " ".join(lines)


def test_programs_get_an_object_a_line_for_names_of_stdin() -> None:
    first, second = map(json.loads, run("-", "--json", stdin=f"{GEMM}\n\nwhat\r\n").splitlines())
    assert (first["category"], first["tile"], first["stages"]) == ("gemm", [128, 256, 64], 3)
    assert (second["name"], second["category"], second["tile"]) == ("what", "unknown", None)
    assert second["words"] == "A kernel of a kind that no rule knows."


def test_own_rules_decide_first(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\npattern = 'ampere_'\ncategory = 'loss'\n")
    assert json.loads(run(GEMM, "--json", "--rules", str(path)))["category"] == "loss"


def test_a_bad_rule_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the rules"):
        run(GEMM, "--rules", str(tmp_path / "none.toml"))


def test_hostile_names_print_as_text() -> None:
    output = run("[bold]x[/bold]\x1b[31m")
    assert "[bold]x[/bold]" in output
    assert "\x1b" not in output

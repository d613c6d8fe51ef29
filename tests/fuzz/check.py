"""What must hold of every case, whatever is in the trace."""

import gc
import io
import json
import re
import sys
import traceback
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np

from fuzz.cases import Case
from fuzz.reference import Expected, expected
from nsysprof.commands import main
from nsysprof.errors import TraceError
from nsysprof.render import page_file
from nsysprof.trace import database
from nsysprof.trace.btree import PageFile
from nsysprof.trace.columns import Columns, select_columns
from nsysprof.trace.pages import read_columns
from nsysprof.trace.queries import query_names
from nsysprof.trace.records import UnsupportedError
from nsysprof.trace.schema import LOADED
from nsysprof.trace.source import Source

_OWN_SQL = (
    "SELECT * FROM sqlite_master",
    "SELECT kernel_category(value), kernel_library(value), api_class(value) FROM StringIds",
    "SELECT count(*), sum(end - start) FROM CUPTI_ACTIVITY_KIND_KERNEL",
)
_LINE = re.compile(r"warning: .+|page: .+|there are more than these .+|nsysprof: error: .+")


class WrongError(Exception):
    """A case ended in a way that it must not."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended."""

    code: int
    """Exit code of hotspots."""
    message: str = ""
    """The line that it gave, when it refused."""
    wrong: str = ""
    """What is wrong with it; empty when all is well."""


def examine(case: Case) -> Outcome:
    """Put a case through every command that reads a trace."""
    code, message = -1, ""
    try:
        plain = run("hotspots", case.path, "--json")
        code, message = plain.code, plain.err.splitlines()[-1] if plain.code else ""
        if code not in case.codes:
            raise WrongError(f"exit code {code}: {message}")
        if code == 0:
            answer = json.loads(plain.out, parse_constant=_no_number)
            _check_answer(answer, expected(case.path))
        _check_others(case, plain)
        if case.unharmed:
            unharmed = run("hotspots", case.unharmed, "--json")
            if _without_names(unharmed.out) != _without_names(plain.out):
                raise WrongError("another answer than before")
        _check_decoders(case.path)
    except WrongError as error:
        return Outcome(code, message, str(error))
    except Exception:  # a defect of any kind, told with its place
        return Outcome(code, message, traceback.format_exc())
    return Outcome(code, message)


def _no_number(text: str) -> None:
    raise WrongError(f"JSON holds {text}")


def run(*words: str | Path) -> Done:
    """Run a command in this process; raises WrongError for a traceback, and for what may not be printed."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""), io.StringIO()
    code = 0
    arguments = ["nsysprof", *map(str, words)]
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", arguments), _short_pages():
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException as error:
            lines = "".join(traceback.format_exception(error))
            raise WrongError(f"{words[0]} {words[2:]}: traceback\n{lines}") from None
        finally:
            gc.unfreeze()
    out.flush()
    done = Done(code, out.buffer.getvalue().decode(), err.getvalue())
    _check_lines(words, done)
    return done


@contextmanager
def _short_pages() -> Iterator[None]:
    """Leave plotly out of pages: it is the same in all, and most of the time."""
    with patch.object(page_file, "plotly_source", lambda: ""):
        yield


def _check_lines(words: tuple[str | Path, ...], done: Done) -> None:
    lines = done.err.split("\n")[:-1]
    errors = [line for line in lines if line.startswith("nsysprof: error: ")]
    if (
        not all(_LINE.fullmatch(line) for line in lines)
        or len(errors) != (done.code != 0)
        or (done.code and not lines[-1].startswith("nsysprof: error: "))
    ):
        raise WrongError(f"{words}: exit code {done.code}, {done.err!r}")
    seen = done.err if {"--json", "--csv"} & set(map(str, words)) else done.out + done.err
    hidden = {letter for letter in seen if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    if hidden - {"\n"}:
        raise WrongError(f"{words}: {sorted(hidden)!r} reach the terminal")
    if "--json" in words and not done.out.isascii():
        raise WrongError(f"{words}: JSON is not ASCII")
    if "--csv" in words and re.search(r'(?:^|[\n,])"?[=+@\t\r]', done.out):
        _check_formulas(done.out)


def _check_formulas(text: str) -> None:
    import csv

    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            if cell.startswith(("=", "+", "@", "\t", "\r", "\n", "\uff1d")):
                raise WrongError(f"CSV has the formula {cell[:60]!r}")


def _check_answer(answer: dict[str, Any], truth: Expected | None) -> None:
    """Compare an answer with itself, and with plain sums over the trace."""
    _check_signs(answer, "answer")
    for partition in [answer["partition"], *answer["partitions"].values()]:
        if any(ns < 0 for ns in partition.values()):
            raise WrongError(f"a negative part in {partition}")
    for step in answer["steps"]:
        parts = step["partition"]
        if any(ns < 0 for ns in parts.values()) or sum(parts.values()) != step["wall_ns"]:
            raise WrongError(f"the parts of {step['label'][:40]} add up to {sum(parts.values())}: {step}")
        if step["busy_ns"] >= 0 and step["busy_ns"] + step["idle_ns"] != step["wall_ns"] - parts.get(
            "hidden", 0
        ):
            raise WrongError(f"busy and idle of {step['label'][:40]} do not add up: {step}")
    work = sum(share["ns"] for share in answer["categories"].values())
    in_steps = sum(amount["ns"] for step in answer["steps"] for amount in step["categories"].values())
    if in_steps > work:
        raise WrongError(f"steps hold {in_steps} ns of {work} ns")
    if truth is not None and not truth.overlong:
        _check_sums(answer, truth, work)


def _check_signs(value: object, place: str) -> None:
    """Refuse numbers below -1, which says that something is unknown."""
    if isinstance(value, dict):
        for key, each in value.items():
            _check_signs(each, f"{place}.{key}"[:200])
    elif isinstance(value, list):
        for each in value:
            _check_signs(each, place)
    elif (
        isinstance(value, (int, float))
        and value < -1
        and not place.endswith(
            ("device", "excess_ns", "devices.multiprocessors", "devices.index", "devices.memory_bytes")
        )
    ):
        raise WrongError(f"{place} is {value}")


def _check_sums(answer: dict[str, Any], truth: Expected, work: int) -> None:
    kernels: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for kernel in answer["kernels"]:
        kernels[kernel["name"]] += kernel["total_ns"]
        counts[kernel["name"]] += kernel["count"]
    calls = answer["api_calls"]
    found = {
        "kernels": kernels,
        "counts": counts,
        "work": work,
        "calls": (sum(call["count"] for call in calls), sum(call["total_ns"] for call in calls)),
        "windows": sorted(_window(partition) for partition in answer["partitions"].values()),
    }
    wanted = {
        "kernels": truth.kernels,
        "counts": truth.counts,
        "work": sum(truth.kernels.values()) + sum(truth.other.values()),
        "calls": (truth.calls, truth.call_ns),
        "windows": truth.windows,
    }
    for what, value in found.items():
        if value != wanted[what]:
            raise WrongError(f"{what}: {str(value)[:400]} instead of {str(wanted[what])[:400]}")


def _window(partition: dict[str, int]) -> tuple[int, int]:
    idle = ("idle:", "hidden")
    return sum(partition.values()), sum(ns for key, ns in partition.items() if not key.startswith(idle))


def _check_others(case: Case, plain: Done) -> None:
    """The table with the page, CSV, queries and a shared copy."""
    random = Random(case.number)  # noqa: S311 - the same for everybody
    page = case.path.with_name("page.html")
    for words in (("--html", str(page)), ("--csv",)):
        again = run("hotspots", case.path, *words)
        if again.code != plain.code and not (again.code == 3 in case.codes):  # the page needs more columns
            raise WrongError(f"{words[0]}: exit code {again.code} instead of {plain.code}: {again.err}")
        if words[0] == "--html" and page.exists() != (again.code == 0):
            raise WrongError("a page without an answer, or none with one")
    if page.exists():
        _check_page(page.read_text("ascii"))
    for what in (random.choice(query_names()), random.choice(query_names()), random.choice(_OWN_SQL)):
        _check_query(what, case.path, random.choice(("--json", "--csv", "--limit=20")))
    _check_copy(case, plain, random)


def _check_page(text: str) -> None:
    packed = re.search(r'id="data"[^>]*>(.*?)</script>', text, re.DOTALL)
    if (
        packed is None
        or text.count("<script>") != 1
        or text.lower().count("<img")
        or text.count("</script>") != 4
    ):
        raise WrongError("names reached the page's markup")


def _check_query(what: str, path: Path, form: str) -> None:
    done = run("query", what, path, form)
    own = what in _OWN_SQL
    if done.code not in ((0, 2, 3, 4) if own else (0, 3, 4)):
        raise WrongError(f"query {what}: exit code {done.code}: {done.err}")
    if done.code == 0 and form == "--json":
        json.loads(done.out, parse_constant=_no_number)


def _check_copy(case: Case, plain: Done, random: Random) -> None:
    copy = case.path.with_name("copy.sqlite")
    done = run("share", case.path, "-o", copy, *random.choice(([], ["--anonymize"])))
    if done.code not in (0, 3):
        raise WrongError(f"share: exit code {done.code}: {done.err}")
    if copy.exists() != (done.code == 0):
        raise WrongError("half a copy")
    if done.code or plain.code:
        return
    again = run("hotspots", copy, "--json")
    if again.code or _numbers(again.out) != _numbers(plain.out):
        raise WrongError(f"a shared copy has other numbers: {again.err}")


def _numbers(out: str) -> object:
    answer = json.loads(out)
    return [
        answer["partitions"],
        sorted(map(str, answer["categories"].items())),
        sorted(map(str, answer["api"].items())),
        [(step["wall_ns"], step["partition"], step["kernels"]) for step in answer["steps"]],
        sorted((kernel["total_ns"], kernel["count"], kernel["category"]) for kernel in answer["kernels"]),
        answer["queue_ns"],
        answer["memory"],
    ]


def _without_names(out: str) -> object:
    answer = json.loads(out)
    answer["trace"]["path"] = ""
    return answer


def _check_decoders(path: Path) -> None:
    """Compare the page decoder with SQLite, wherever SQLite can read what is asked for."""
    with suppress(TraceError), closing(Source(path)) as source:
        for table in LOADED:
            name = source.name_in_file(table)
            present = source.column_names(name) if name else ()
            wanted = [column for column in table.loaded if column.name in present]
            if not wanted:
                continue
            try:
                file = PageFile(path, database.read_header(path))
            except UnsupportedError:
                return
            try:
                fast = read_columns(file, source.connection, name, wanted)
                slow = select_columns(source.connection, name, wanted)
            except (UnsupportedError, TraceError, *database.FAILURES):
                continue
            finally:
                file.close()
            _check_same(name, fast, slow)


def _check_same(table: str, fast: Columns, slow: Columns) -> None:
    same = fast.rows == slow.rows and all(
        np.array_equal(fast.integers[name], values) for name, values in slow.integers.items()
    )
    same = same and all(
        np.array_equal(fast.coded[name].codes, coded.codes)
        and np.array_equal(fast.coded[name].values, coded.values)
        for name, coded in slow.coded.items()
    )
    if not same:
        raise WrongError(f"the page decoder reads {table} otherwise than SQLite")

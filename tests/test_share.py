"""A shared copy gives the same numbers, and holds no byte of what tells whose the trace is."""

import json
import lzma
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import environment, nsysprof
from real_trace import THREE_STEPS, unpack
from test_schema import FUNCTIONS, some_steps
from trace_builder import PID, TraceBuilder, Value
from trace_shapes import versions

from nsysprof.attribute import families
from nsysprof.classify import classify_kernel, rule_set
from nsysprof.classify.decoder import decode
from nsysprof.classify.kernels import builtin_libraries
from nsysprof.classify.tokens import kernel_token
from nsysprof.errors import MissingDataError, OutputError, TraceError
from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.timeline import measure_timeline
from nsysprof.render.page import page_html
from nsysprof.render.records import to_dict
from nsysprof.share import Names, share_trace
from nsysprof.share.allowed import copied_tables
from nsysprof.trace import open_trace
from nsysprof.trace.diagnostics import load_diagnostics
from nsysprof.trace.model import SchemaVersion
from nsysprof.trace.queries import load_query, query_names
from nsysprof.trace.session import Limits, start_query
from nsysprof.trace.source import Source

SECRET = "s3cr3t"  # noqa: S105 - of this test alone
HOST = f"{SECRET}-host-17"
GEMM = "nvjet_sm90_hsh_128x256_64x4_2x1_v_bz_coopA_TNT"
TABLES: dict[str, dict[str, Value]] = {
    "META_DATA_CAPTURE": {"name": "PROCESS_0:ENV", "value": f"TOKEN={SECRET}"},
    "TARGET_INFO_SYSTEM_ENV": {"name": "Hostname", "value": HOST},
    "PROCESSES": {"globalPid": 1, "pid": PID, "name": f"/opt/{SECRET}/python"},
    "ThreadNames": {"nameId": 900, "priority": 0, "globalTid": 1},
    "ProcessStreams": {"globalPid": 1, "filenameId": 901, "contentId": 902},
    "TARGET_INFO_SESSION_START_TIME": {"utcTime": f"2026 {SECRET}"},
    "ANALYSIS_FILE": {"filename": f"/scratch/{SECRET}.nsys-rep"},
    "TARGET_INFO_NIC_INFO": {"GUID": f"{SECRET}-guid", "name": "mlx5"},
    "SOMETHING_NEW": {"note": SECRET, "data": SECRET.encode()},
}


def work() -> TraceBuilder:
    """Return a trace with a kernel in a step, under ranges of all kinds."""
    builder = TraceBuilder("3.28.1")
    for step in range(3):
        at = 1_000 * step
        builder.nvtx(f"step {step}", at, at + 900)
        builder.nvtx("conv_in in=[2,4]", at + 1, at + 800, domain="model", registered=True)
        builder.launch(GEMM, (at + 10, at + 20), (at + 30, at + 400), correlation=2 * step + 1)
        builder.launch("mystery", (at + 40, at + 50), (at + 450, at + 500), correlation=2 * step + 2)
        builder.memory(at + 5, 4096).memcpy(at + 600, at + 650).overhead(at + 700, at + 720)
    return builder


def planted(path: Path) -> Path:
    """Write a trace with secrets in every text column, in strings, in unknown tables and on free pages."""
    builder = work()
    builder.nvtx(f"load /home/{SECRET}/model", 1, 2).nvtx(f"on {HOST}", 2, 3)
    builder.nvtx(f"a mark {SECRET}", 3, None, kind=34).nvtx(
        f"{SECRET} in StringIds", 3, 4, kind=34, registered=True
    )
    builder.launch(f"lambda at /home/{SECRET}/gemm.cu:3", (5_000, 5_010), (5_020, 5_090), correlation=90)
    builder.api(f"{SECRET} call", 6_000, 6_010)
    builder.row("PROFILER_OVERHEAD", start=1, end=2, nameId=builder.string(f"dlopen(lib{SECRET}.so)"))
    builder.row("DIAGNOSTIC_EVENT", text=f"Could not open /home/{SECRET}", severity=2)
    for name in ("EXPORT_HOST", "EXPORT_PARAM_INPUT_PATH", "EXPORT_PRODUCT_DATE", SECRET):
        builder.row("META_DATA_EXPORT", name=name, value=f"/{SECRET}/")
    for table, row in TABLES.items():
        builder.row(table, **row)
    builder.write(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        for id_ in range(900, 903):
            connection.execute("INSERT INTO StringIds VALUES (?, ?)", (id_, f"{SECRET} {id_}"))
        for table, column in _unread_texts(connection):
            connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (f"{SECRET} in {table}.{column}",))
        connection.execute("CREATE TABLE gone (text TEXT)")
        connection.executemany("INSERT INTO gone VALUES (?)", [(SECRET * 100,)] * 200)
        connection.execute("CREATE INDEX by_text ON NVTX_EVENTS (text)")
        connection.commit()
        connection.execute("DELETE FROM gone")
        connection.commit()
    return path


READ = {
    ("StringIds", "value"),
    ("META_DATA_EXPORT", "name"),
    ("META_DATA_EXPORT", "value"),
    ("NVTX_EVENTS", "text"),
}
"""Columns some of whose texts the copy needs; the others, but the GPU's name, are overwritten."""


def _unread_texts(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for column in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
            place = (table, column[1])
            if column[2] == "TEXT" and place not in READ and place != ("TARGET_INFO_GPU", "name"):
                yield place


def measured(path: Path) -> dict[str, Any]:
    """Return everything that ``hotspots --json`` says, short of the path."""
    with open_trace(path) as trace:
        result: Any = to_dict(hotspots_of(examine(trace, "auto")))
    result["trace"].pop("path")
    return dict(result)


def page(path: Path) -> str:
    """Return the page of a trace, as of a trace at another path."""
    with open_trace(path) as trace:
        inputs = examine(trace, "auto")
        result = hotspots_of(inputs)
        timeline = measure_timeline(inputs, result)
    return page_html(replace(result, trace=replace(result.trace, path="trace.sqlite")), timeline)


NAMES = {"name", "family", "text", "label", "operator", "headline", "warnings", "domain"}


def numbers(value: Any) -> Any:
    """Return a result without names; lists in an order that does not depend on them."""
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items() if key not in NAMES}
    if isinstance(value, list):
        return sorted((numbers(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


@pytest.mark.parametrize("names", [Names(), Names(anonymize=True), Names(anonymize=True, key=b"k")])
@pytest.mark.parametrize("packed", [False, True])
def test_no_byte_of_a_secret_is_in_the_copy(tmp_path: Path, names: Names, packed: bool) -> None:
    source = planted(tmp_path / "source.sqlite")
    target = tmp_path / ("copy.sqlite.xz" if packed else "copy.sqlite")
    share_trace(source, target, names)
    data = lzma.decompress(target.read_bytes()) if packed else target.read_bytes()
    assert data.startswith(b"SQLite format 3\0")
    assert SECRET.encode() not in data
    assert SECRET.encode("utf-16-le") not in data
    for hidden in (GEMM, "mystery", "conv_in", "model"):
        assert (hidden.encode() in data) is not names.anonymize, hidden
    assert {path.name for path in tmp_path.iterdir()} == {"source.sqlite", target.name}


def test_a_copy_has_the_numbers_of_the_trace(tmp_path: Path) -> None:
    source = planted(tmp_path / "source.sqlite")
    for names in (Names(), Names(anonymize=True)):
        target = tmp_path / "copy.sqlite"
        share_trace(source, target, names, force=True)
        assert numbers(measured(target)) == numbers(measured(source))


def test_a_copy_of_a_real_trace_tells_all_that_the_trace_does(tmp_path: Path) -> None:
    source, plain, hidden = (
        unpack(THREE_STEPS, tmp_path),
        tmp_path / "plain.sqlite",
        tmp_path / "hidden.sqlite",
    )
    share_trace(source, plain, Names())
    share_trace(source, hidden, Names(anonymize=True))
    assert measured(plain) == measured(source)
    assert page(plain) == page(source)
    told = measured(hidden)
    assert numbers(told) == numbers(measured(source))
    assert [step["label"] for step in told["steps"]] == ["step 0", "step 1", "step 2"]
    assert all(kernel["name"].startswith("kernel:") for kernel in told["kernels"])


def test_the_same_trace_and_name_give_the_same_copy_and_token(tmp_path: Path) -> None:
    source = work().write(tmp_path / "source.sqlite")
    copies = []
    for at, names in enumerate([Names(anonymize=True)] * 2 + [Names(anonymize=True, key=b"a")] * 2):
        share_trace(source, tmp_path / f"{at}.sqlite", names)
        copies.append((tmp_path / f"{at}.sqlite").read_bytes())
    assert copies[0] == copies[1]
    assert copies[2] == copies[3]
    assert copies[0] != copies[2]
    assert Names(anonymize=True).of_kernel("mine") == "kernel:unknown::x9eee0b46:xc5edb838fa4c"


def test_a_kernels_token_is_of_its_category_library_and_family() -> None:
    names = Names(anonymize=True)
    for name in (
        GEMM,
        "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevKernelArgsStorage<(unsigned long)4096>)",
        "mine",
    ):
        token, kind = names.of_kernel(name), classify_kernel(name)
        told = classify_kernel(token)
        assert (told.category, told.library) == (kind.category, kind.library)
        assert name not in token
        facts = decode(token)
        assert (facts.category, facts.tile, facts.operand_type) == (kind.category, None, None)
    one, other = (
        classify_kernel(names.of_kernel(GEMM.replace("128x256", size))) for size in ("128x256", "64x8")
    )
    assert one == other


def test_a_users_library_is_hidden_and_the_numbers_stay(tmp_path: Path) -> None:
    """A token must be read back whatever the user calls a library, and must not tell it."""
    rules = tmp_path / "rules.toml"
    for library in ("acme secret lib", "acme-secret", "a:b", "é" * 60):
        rules.write_text(f'[[rule]]\npattern = "mystery"\ncategory = "gemm"\nlibrary = "{library}"\n')
        users = rule_set(rules)
        rule_set.cache_clear()
        token = Names(anonymize=True, rules=users).of_kernel("mystery")
        assert library not in token
        told = classify_kernel(token)
        assert (told.category, told.library[:9]) == ("gemm", "library_x")
    source = work().write(tmp_path / "source.sqlite")
    share_trace(source, tmp_path / "copy.sqlite", Names(anonymize=True, rules=users))
    assert library.encode() not in (tmp_path / "copy.sqlite").read_bytes()


def test_every_library_that_nsysprof_knows_can_stand_in_a_token() -> None:
    for library in builtin_libraries():
        token = kernel_token("gemm", library, "x00000000", "x000000000000")
        assert classify_kernel(token).library == library
    with pytest.raises(ValueError, match="cannot stand in a token"):
        kernel_token("gemm", "a b", "x00000000", "x000000000000")


RANGES = {
    "step 3": "step 3",
    "ProfilerStep#3": "ProfilerStep#3",
    "denoising_step_3_t981": "denoising_step_3_t981",
    "denoising_step_3_tSecret": "denoising_step_3_t*",
    "denoising_step_03_tA": "denoising_step_03_t*",
    "unet": "unet",
    "": "",
    "train iteration 07": "step_* 07",
    "transformer block_12": "block_*_12",
    "customer#4": "range_*#4",
    "warmup run 2": "warmup_range_* 2",
    "warm-up of it all": "warmup_*",
    "UNet.conv_in in=[2,4]": "range_* in=*",
    "aten::mm, seq = 12": "range_* in=*",
    "secret phase": "range_*",
}


@pytest.mark.parametrize(("text", "shape"), RANGES.items())
def test_a_ranges_token_can_be_what_the_range_was(text: str, shape: str) -> None:
    token = Names(anonymize=True).of_range(text)
    parts = shape.split("*")
    assert token.startswith(parts[0])
    assert token.endswith(parts[-1])
    assert ("*" in shape) == (token != shape)
    before, after = families.parse(text), families.parse(token)
    assert (before and before.number) == (after and after.number)
    if before and after:
        assert families.rank(after.family) == families.rank(before.family)
    assert families.is_warmup(token) == families.is_warmup(text)
    assert (families.operator_of(token) != token) == (families.operator_of(text) != text)


HIDDEN = (
    *("load file:///home/ann/x", "[/home/ann/x]", "see </srv/ann/x>", "../ann/x", "~ann/x", "C:/Users/ann"),
    *("https://ann.example", "s3://bucket/key", "on HAL9000", "run_on_hal9000_gpu0", "of hal9000.example"),
    *(
        "load /ann",
        "load /home/",
        "'/ann'",
        "path=/ann",
        "-I/ann",
        "file/home/ann/x",
        "x[0]/home/ann",
        "/données",
    ),
    *(
        "load ./ann",
        r"..\ann",
        r"D:\ann",
        r"\\ann\x",
        "~/x",
        "$HOME/ann",
        "${USER}_1",
        "ann@host:/x",
        "file:/ann/x",
    ),
    *(
        "open ann.safetensors",
        "load ann/x.ckpt",
        "ann.py(12): forward",
        "at ann.cu:3",
        "ann.h:12",
        "libann.so.1",
    ),
    *("ann@corp.example", "on 10.1.2.3", "at 10.1.2.3:80", "to 10.1.2.3.", "aa:bb:cc:dd:ee:ff", "fe80::1"),
    *(
        "GPU-12345678-1234",
        "TOKEN=abc",
        "x MY_KEY2=abc",
        "HF_TOKEN=12345678",
        "p --hf-token abc",
        "password: abc",
    ),
    *('{"api_key": "abc"}', "secret = abc", "hf_" + "a1" * 17, "sk-" + "a1" * 12, "AKIA" + "A1" * 8),
    *(
        "API_TOKEN=Trueblue99",
        "API_TOKEN=NoneOfYourBusiness",
        "token=3x9abc",
        "X_AUTH=5x5abc",
        "MY_ID=5x5abc",
    ),
    *("API_TOKEN=[abc]", "token=[abc]", "API_TOKEN=[2, abc]", "API_TOKEN=[12345678]", "API_TOKEN=12-34-abc"),
    *("password=1234567", "password: 1234", "PASSWORD=1234", "api_key = 12", "secret=(12)"),
    *(
        "aws_secret_access_key=AKIA1",
        "private-key: abc",
        "pwd=abc",
        "passphrase=abc",
        "auth=abc",
        "cookie: a=b",
    ),
    *(
        "p --pass abc",
        "p --db-pass=abc",
        "p --key abc",
        "Authorization: Bearer eyJ0",
        "Bearer eyJ0eXAiOiJKV1QiLCJh",
    ),
)
SHOWN = (
    *(
        "UNet/down/conv",
        "jit(f)/jit(main)/mul",
        "layers[0]/attn/q",
        "a / b",
        "std::pair",
        "hal90001",
        "1/2",
        "I/O",
    ),
    *(
        "aten::conv2d",
        "Torch-Compiled Region: 0/0",
        "ProfilerStep#3",
        "triton/fused",
        "it/s",
        "H2D/D2H",
        "3 / 10",
    ),
    *(
        "jit(f)/transpose(jvp(g))/mul",
        "a::~b",
        "at 12:30:45",
        "v1.2.3",
        "transformer.h.0.attn",
        "torch.log",
        "x.c",
    ),
    *(
        "aten::mm, seq = 12, sizes = [[2, 4]]",
        "BLOCK_M=64, BLOCK_N=128",
        "SHAPE=[2,4]",
        "A=b",
        "num_tokens: 12",
    ),
    *(
        "decode token=5",
        "step 3 of /10",
        "operator==",
        "tokenizer.encode",
        "secret::f<int>",
        "foo.constprop.0",
        "~5 ms",
    ),
    *("/job:worker", "x@y", "f$1", "fn.cu_1", "DEBUG=True", "TILE=64x64"),
    *(
        "TILE=128x128x32",
        "SHAPE=[[2, 4], (8, None)]",
        "tokens: [1, 2]",
        "token=None",
        "password=None",
        "X=(True,)",
    ),
    *(
        "pass: forward",
        "attention key: q",
        "bypass=1",
        "p --bypass x",
        "author: x",
        "auth::f<int>",
        "bearer of it",
    ),
)


@pytest.mark.parametrize("text", HIDDEN + SHOWN)
def test_a_name_that_tells_a_place_is_hidden(text: str) -> None:
    names = Names(hosts=frozenset({"hal9000"}))
    assert (names.of_range(text) != text) == (text in HIDDEN)
    assert (names.of_kernel(text) != text) == (text in HIDDEN)


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("TARGET_INFO_SYSTEM_ENV", "Hostname", "hal9000.example"),
        ("TARGET_INFO_SYSTEM_ENV", "DeviceEnvironment", "A=1;LOGNAME=hal9000;B=2"),
        ("META_DATA_EXPORT", "EXPORT_USER", "hal9000"),
        ("META_DATA_CAPTURE", "DEVICE_DISPLAY_NAME", "hal9000"),
        ("META_DATA_CAPTURE", "PROCESS_0:USER_NAME", "hal9000"),
    ],
)
def test_who_and_where_is_hidden_wherever_the_trace_tells_it(
    table: str, name: str, value: str, tmp_path: Path
) -> None:
    source = work().nvtx("run_on_hal9000", 1, 2).row(table, name=name, value=value)
    source.write(tmp_path / "source.sqlite")
    share_trace(tmp_path / "source.sqlite", tmp_path / "copy.sqlite", Names())
    assert b"hal9000" not in (tmp_path / "copy.sqlite").read_bytes()


def test_calls_of_an_operator_stay_calls_of_one_operator() -> None:
    names = Names(anonymize=True)
    calls = {families.operator_of(names.of_range(f"aten::mm, seq = {at}")) for at in range(5)}
    assert len(calls) == 1


def test_steps_with_words_for_times_stay_apart() -> None:
    """SGLang's steps of one number, but different times, are different ranges."""
    names = Names(anonymize=True)
    assert len({names.of_range(f"denoising_step_3_t{time}") for time in ("a", "b", "9e2", "980")}) == 4


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_trace_in_utf_16_can_be_shared(encoding: str, tmp_path: Path) -> None:
    source, copy = tmp_path / "source.sqlite", tmp_path / "copy.sqlite"
    with (
        closing(sqlite3.connect(planted(tmp_path / "plain.sqlite"))) as plain,
        closing(sqlite3.connect(source)) as wide,
    ):
        wide.execute(f'PRAGMA encoding = "{encoding}"')
        wide.executescript("\n".join(plain.iterdump()))
    for names in (Names(), Names(anonymize=True)):
        share_trace(source, copy, names, force=True)
        assert numbers(measured(copy)) == numbers(measured(source))
        assert SECRET.encode("utf-16-le") not in copy.read_bytes()
        assert SECRET.encode("utf-16-be") not in copy.read_bytes()
    assert "step 0" in str(measured(copy)["steps"])


def test_texts_that_are_no_text_are_read_alike(tmp_path: Path) -> None:
    source = work().write(tmp_path / "source.sqlite")
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE NVTX_EVENTS SET text = CAST(text AS BLOB)")
        connection.execute("UPDATE NVTX_EVENTS SET text = 7 WHERE rowid = 1")
        connection.commit()
    share_trace(source, tmp_path / "copy.sqlite", Names())
    assert measured(tmp_path / "copy.sqlite") == measured(source)
    assert "step 1" in str(measured(source)["steps"])


def test_that_events_were_lost_is_told_in_words_of_our_own(tmp_path: Path) -> None:
    source = work()
    for text in (
        f"Number of CUDA events lost: 5. {SECRET}",
        f"{SECRET} buffers dropped",
        f"all is well {SECRET}",
    ):
        source.row("DIAGNOSTIC_EVENT", text=text, severity=3)
    source.write(tmp_path / "source.sqlite")
    share_trace(tmp_path / "source.sqlite", tmp_path / "copy.sqlite", Names())
    share_trace(tmp_path / "copy.sqlite", tmp_path / "again.sqlite", Names(anonymize=True))
    for name in ("copy.sqlite", "again.sqlite"):
        assert SECRET.encode() not in (tmp_path / name).read_bytes()
        with open_trace(tmp_path / name) as trace:
            found = load_diagnostics(trace)
        assert [entry.text.partition(" events were lost, says nsys;")[0] for entry in found] == [
            "CUDA",
            "Some",
        ]
        assert all(entry.is_loss for entry in found)


def test_a_string_that_is_a_kernel_and_a_range_becomes_two(tmp_path: Path) -> None:
    builder = TraceBuilder().nvtx(GEMM, 0, 900, registered=True)
    source = builder.launch(GEMM, (10, 20), (30, 400), correlation=1).write(tmp_path / "source.sqlite")
    share_trace(source, tmp_path / "copy.sqlite", Names(anonymize=True))
    with open_trace(tmp_path / "copy.sqlite") as trace:
        kernel = trace.strings[int(trace.kernels.name[0])]
        assert kernel.startswith("kernel:gemm:cublas")
        assert trace.range_texts[0].startswith("range_x")
    assert numbers(measured(tmp_path / "copy.sqlite")) == numbers(measured(source))


def test_every_loaded_column_and_row_is_in_the_copy(tmp_path: Path) -> None:
    source = planted(tmp_path / "source.sqlite")
    share_trace(source, tmp_path / "copy.sqlite", Names())
    with open_trace(source) as before, open_trace(tmp_path / "copy.sqlite") as after:
        assert after.schema == before.schema == SchemaVersion(3, 28, 1)
        for name in ("kernels", "memcpys", "memsets", "api_calls", "overheads", "memory", "ranges"):
            one, other = getattr(before, name), getattr(after, name)
            for column in one.__slots__:
                np.testing.assert_array_equal(
                    getattr(one, column), getattr(other, column), f"{name}.{column}"
                )
        assert after.devices == before.devices
        assert after.threads.tolist() == before.threads.tolist()
        assert after.processes.tolist() == before.processes.tolist()
    with closing(Source(source)) as opened:
        assert "PROCESSES" not in {copied.name for copied in copied_tables(opened)}


@pytest.mark.parametrize("schema", [*map(str, versions()), None])
def test_a_trace_of_any_schema_can_be_shared(schema: str | None, tmp_path: Path) -> None:
    source = some_steps(schema).write(tmp_path / "source.sqlite")
    share_trace(source, tmp_path / "copy.sqlite", Names())
    assert measured(tmp_path / "copy.sqlite") == measured(source)
    for name in query_names():
        answers = []
        for path in (source, tmp_path / "copy.sqlite"):
            try:
                with start_query(path, load_query(name), FUNCTIONS, Limits()) as running:
                    answers.append(list(running))
            except MissingDataError as error:
                answers.append([(str(error),)])
        if name == "export_info":  # of which the copy tells less
            assert set(answers[1]) <= set(answers[0])
        else:
            assert answers[0] == answers[1], name


def test_what_went_is_told(tmp_path: Path) -> None:
    source = planted(tmp_path / "source.sqlite")
    done = nsysprof("share", source, "-o", "copy.sqlite", cwd=tmp_path, env=environment())
    assert done.code == 0, done.err
    for part in ("TARGET_INFO_SYSTEM_ENV", "SOMETHING_NEW", "all", "environment variables", "1 file name"):
        assert part in done.out, part
    assert "Tokens stand for 3 names that held a path, a file name, an" in done.out
    done = nsysprof(
        "share", source, "-o", "b.sqlite", "--json", "--anonymize", cwd=tmp_path, env=environment()
    )
    told = json.loads(done.out)
    assert told["schema"] == "nsysprof.share/1"
    assert told["anonymized"] is True
    assert {"PROCESSES", "SOMETHING_NEW", "gone"} <= {table["name"] for table in told["removed"]}
    nvtx = next(table for table in told["kept"] if table["name"] == "NVTX_EVENTS")
    assert nvtx["rows"] == nvtx["kept"]
    assert "jsonText" in nvtx["dropped_columns"]
    assert told["target_bytes"] == (tmp_path / "b.sqlite").stat().st_size


def test_a_copy_never_takes_the_place_of_the_trace_or_of_another_file(tmp_path: Path) -> None:
    source = work().write(tmp_path / "source.sqlite")
    before = source.read_bytes()
    with pytest.raises(OutputError, match="would be destroyed"):
        share_trace(source, source, Names(), force=True)
    (tmp_path / "other").write_text("mine")
    with pytest.raises(OutputError, match="exists: give --force"):
        share_trace(source, tmp_path / "other", Names())
    assert (tmp_path / "other").read_text() == "mine"
    share_trace(source, tmp_path / "other", Names(), force=True)
    assert (tmp_path / "other").read_bytes().startswith(b"SQLite")
    assert source.read_bytes() == before


def test_text_where_numbers_belong_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = work().write(tmp_path / "source.sqlite")
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE CUPTI_ACTIVITY_KIND_RUNTIME SET returnValue = 'text' WHERE rowid = 2")
        connection.commit()
    with pytest.raises(TraceError, match=r"CUPTI_ACTIVITY_KIND_RUNTIME\.returnValue holds text"):
        share_trace(source, tmp_path / "copy.sqlite", Names())
    assert [path.name for path in tmp_path.iterdir()] == ["source.sqlite"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    source = unpack(THREE_STEPS, tmp_path)
    before = sorted(tmp_path.iterdir())
    command = f"ulimit -f 1000; exec '{sys.executable}' -m nsysprof share '{source}' -o copy.sqlite"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert done.stderr.startswith("nsysprof: error: cannot write copy.sqlite (")
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_key_makes_tokens_that_cannot_be_guessed(tmp_path: Path) -> None:
    source = work().write(tmp_path / "source.sqlite")
    (tmp_path / "key").write_bytes(b"something long")
    (tmp_path / "empty").touch()
    words = ("share", source, "--anonymize", "-o")
    assert nsysprof(*words, "a.sqlite", "--key", "key", cwd=tmp_path, env=environment()).code == 0
    names = Names(anonymize=True, key=b"something long")
    assert names.of_kernel(GEMM).encode() in (tmp_path / "a.sqlite").read_bytes()
    assert names.of_kernel(GEMM) != Names(anonymize=True).of_kernel(GEMM)
    for key in ("empty", "missing"):
        done = nsysprof(*words, "b.sqlite", "--key", key, cwd=tmp_path, env=environment())
        assert (done.code, done.err.count("\n")) == (2, 1)

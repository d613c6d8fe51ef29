"""A file is written whole or not at all, and never over what is read."""

import os
import threading
from pathlib import Path

import pytest

from nsysprof.errors import OutputError
from nsysprof.files import replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(target: Path, text: str = "new", *inputs: Path) -> None:
    with replacing(target, "choose another", inputs) as partial:
        partial.write_text(text)


def write_half(target: Path, error: Exception) -> None:
    with replacing(target, "choose another") as partial:
        partial.write_text("half of")
        raise error


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a/b/page.html")
    finally:
        os.umask(before)
    assert (tmp_path / "a/b/page.html").read_text() == "new"
    assert (tmp_path / "a/b/page.html").stat().st_mode & 0o777 == 0o640
    assert names(tmp_path / "a/b") == ["page.html"]


def test_what_was_there_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")
    with pytest.raises(ValueError, match="no good"):
        write_half(target, ValueError("no good"))
    assert (target.read_text(), names(tmp_path)) == ("old", ["page.html"])
    write(target)
    assert (target.read_text(), names(tmp_path)) == ("new", ["page.html"])


def test_a_full_disk(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"page.html \(No space left on device\): choose another"):
        write_half(target, OSError(28, "No space left on device"))
    assert (target.read_text(), names(tmp_path)) == ("old", ["page.html"])


@pytest.mark.parametrize("name", ["trace.sqlite", "sub/../trace.sqlite", "soft", "hard"])
def test_what_is_read_is_not_written(tmp_path: Path, name: str) -> None:
    trace = tmp_path / "trace.sqlite"
    trace.write_text("a trace")
    (tmp_path / "sub").mkdir()
    (tmp_path / "soft").symlink_to("trace.sqlite")
    (tmp_path / "hard").hardlink_to(trace)
    with pytest.raises(OutputError, match="is the file that is read, and would be destroyed: choose another"):
        write(tmp_path / name, "a page", trace)
    assert trace.read_text() == "a trace"
    assert (tmp_path / "soft").is_symlink()


def test_a_link_goes_on_pointing_where_it_does(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "latest.html").symlink_to("pages/today.html")
    write(tmp_path / "latest.html")
    assert (tmp_path / "latest.html").is_symlink()
    assert (tmp_path / "pages/today.html").read_text() == "new"


def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    write(pipe)
    assert pipe.is_fifo()
    reader.join(30)
    assert got == ["new"]


def test_a_folder_and_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a folder: choose another"):
        write(tmp_path)
    with pytest.raises(OutputError, match=r"page.html \(.*\): choose another"):
        write(tmp_path / "file" / "page.html")
    assert names(tmp_path) == ["file"]

"""The parts of a sweep that need no run: how runs are judged, what is left, and images for the page."""

import base64
import io
import sys
from pathlib import Path

import fake_runner
import pytest
from PIL import Image

from nsysprof.capture.process import Ended
from nsysprof.render.sweep_images import SMALL_BYTES, embedded
from nsysprof.sweep.estimate import Estimate, amount
from nsysprof.sweep.execute import Status, judge, last_line
from nsysprof.sweep.plan import Config


def ended(code: int = 0, words: str = "", signal: int = 0, *, timed_out: bool = False) -> Ended:
    return Ended(code, signal, False, "", words, timed_out)


@pytest.mark.parametrize(
    ("end", "record", "status", "reason"),
    [
        (ended(), {"profiled": {}}, Status.OK, ""),
        (ended(), None, Status.FAILED, "it wrote no run record"),
        (ended(1, "a\nb: c\n\n"), None, Status.FAILED, "b: c"),
        (ended(3), None, Status.FAILED, "exit code 3"),
        (ended(0), {"error": {"kind": "ValueError"}}, Status.FAILED, "exit code 0, ValueError"),
        (ended(8), None, Status.OUT_OF_MEMORY, "out of memory"),
        (ended(1, "boom"), {"error": {"kind": "out_of_memory"}}, Status.OUT_OF_MEMORY, "boom"),
        (ended(137), None, Status.FAILED, "killed by SIGKILL"),
        (ended(139, "core"), {"profiled": {}}, Status.FAILED, "killed by SIGSEGV: core"),
        (ended(255), None, Status.FAILED, "killed by signal 127"),
        (
            ended(130, timed_out=True),
            {"error": {"kind": "KeyboardInterrupt"}},
            Status.TIMED_OUT,
            "no end after 60 s",
        ),
        (ended(0, signal=2), {"profiled": {}}, Status.INTERRUPTED, "interrupted"),
        (ended(1), {"error": "nonsense"}, Status.FAILED, "exit code 1"),
    ],
)
def test_how_a_run_is_judged(
    end: Ended, record: dict[str, object] | None, status: Status, reason: str
) -> None:
    assert judge(end, record, 60.0) == (status, reason)


def test_the_last_words_are_of_bearable_length() -> None:
    assert last_line("10%\r100%\r\n  \n") == "100%"
    assert len(last_line("x" * 5000)) == 300
    assert last_line("") == ""


def config(name: str, **options: object) -> Config:
    return Config(name, name, {}, (), options)


def test_what_is_left_follows_the_work() -> None:
    estimate = Estimate()
    assert estimate.left([config("any")]) is None
    estimate.learn(config("small", steps=10, batch=1), 15.0)
    assert estimate.left([config("large", steps=40, batch=2)]) == 15.0  # one run tells no rate
    estimate.learn(config("middle", steps=20, batch=1), 20.0)
    assert estimate.left([config("large", steps=40, batch=2)]) == pytest.approx(10 + 0.5 * 80)
    assert estimate.left([config("small", steps=10)] * 2) == 30.0
    assert estimate.left([]) == 0.0


def test_an_estimate_is_never_negative() -> None:
    estimate = Estimate()
    estimate.learn(config("small", steps=10), 30.0)
    estimate.learn(config("large", steps=20), 10.0)
    assert estimate.left([config("larger", steps=1000)]) == 20.0
    steep = Estimate()
    steep.learn(config("a", steps=10), 1.0)
    steep.learn(config("b", steps=20), 100.0)
    assert steep.left([config("c", steps=1)]) == pytest.approx(50.5 / 15)


def test_the_amount_of_work() -> None:
    assert amount({"steps": 20, "batch": 2, "width": 10, "height": None, "prompt": 7}) == 400.0


def image_of(data_url: str) -> Image.Image:
    kind, _, data = data_url.partition(";base64,")
    assert kind in ("data:image/jpeg", "data:image/png")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_large_images_are_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one" / "image-0.png"
    path.parent.mkdir(parents=True)
    Image.effect_noise((1280, 768), 90).save(path)
    found = embedded(path, 1)
    assert found.name == "runs/one/image-0.png"
    assert image_of(found.data_url).size == (320, 192)
    assert image_of(embedded(path, 100).data_url).size == (200, 120)


def test_small_images_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "image-0.png"
    path.write_bytes(fake_runner.png(64, 0))
    data = embedded(path, 1).data_url
    assert base64.b64decode(data.partition(",")[2]) == path.read_bytes()


def test_without_pillow_small_pngs_are_embedded_and_others_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    small, large, other = (tmp_path / name for name in ("small.png", "large.png", "other.png"))
    small.write_bytes(fake_runner.png(512, 0))
    large.write_bytes(fake_runner.png(8, 0) + b"\0" * SMALL_BYTES)
    other.write_bytes(b"GIF89a")
    assert embedded(small, 1).data_url.startswith("data:image/png;base64,")
    assert embedded(large, 1).data_url == ""
    assert embedded(other, 1).data_url == ""
    assert embedded(large, 1).name.endswith("large.png")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nbroken", fake_runner.png(600, 0)[:-30]])
def test_damaged_images_are_left_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image-0.png"
    path.write_bytes(content)
    assert embedded(path, 1).data_url == ""
    path.unlink()
    assert embedded(path, 1).data_url == ""

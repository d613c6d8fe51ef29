"""A program's output comes through whole and at once; nsys's own lines do not."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nsysprof.capture.relay import NsysTalk

STEM = "nsysprof-capture"
TOLD = (
    b"first line\n"
    b"\r 10%|#   | step 1\r 20%|##  | step 2\n"
    b"Generating '/scratch/nsys-report-9749.qdstrm'\n"
    b"\r[1/1] [0%                          ] nsysprof-capture.nsys-rep\r[1/1] [========40%      ] "
    b"nsysprof-capture.nsys-rep\r[1/1] [========================100%] nsysprof-capture.nsys-rep\n"
    b"[1/1] [a line of the program's own]\n"
    b"Generated: three images\n"
    b"Generated:\n    /x/nsysprof-capture.nsys-rep\n"
    b"    /a/path/of/the/program\n"
    b"no newline at the end"
)
NEW = (
    b"Capture range started in the application.\n"
    b"Capture range started in the morning.\n"
    b"Capture range ended in the application.\n"
    b"\tindented by the program\n\t/a/path/of/the/program\n"
    b"Generating '/scratch/nsys-report-01ab.qdstrm'\n"
    b"\r[1/1] [0%                          ] nsysprof-capture.nsys-rep\r[1/1] [========================100%] "
    b"nsysprof-capture.nsys-rep\n"
    b"Generated:\n\t/x/.capture-419fp7dm/nsysprof-capture.nsys-rep\n"
    b"the last line\n"
)
"""As nsys 2025.3 talks."""
NEW_SHOWN = (
    b"Capture range started in the morning.\n"
    b"\tindented by the program\n\t/a/path/of/the/program\n"
    b"the last line\n"
)
SHOWN = (
    b"first line\n"
    b"\r 10%|#   | step 1\r 20%|##  | step 2\n"
    b"[1/1] [a line of the program's own]\n"
    b"Generated: three images\n"
    b"    /a/path/of/the/program\n"
    b"no newline at the end"
)


def test_what_is_shown_and_what_is_heard() -> None:
    heard: list[float] = []
    talk = NsysTalk(STEM, heard.append)
    assert talk.feed(TOLD) + talk.finish() == SHOWN
    assert heard == [0.0, 0.4, 1.0]
    assert talk.stream_path == "/scratch/nsys-report-9749.qdstrm"


def test_what_nsys_2025_says_of_itself_is_not_shown() -> None:
    talk = NsysTalk(STEM, lambda _: None)
    assert talk.feed(NEW) + talk.finish() == NEW_SHOWN
    assert talk.stream_path == "/scratch/nsys-report-01ab.qdstrm"


@given(st.lists(st.integers(0, len(TOLD)), max_size=30))
def test_however_it_is_cut_up(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TOLD)]
    talk = NsysTalk(STEM, lambda _: None)
    parts = [talk.feed(TOLD[low:high]) for low, high in pairwise(edges)]
    assert b"".join(parts) + talk.finish() == SHOWN


@given(st.lists(st.binary(max_size=20).filter(lambda part: b"[1/1]" not in part and b"Gener" not in part)))
def test_other_bytes_come_through_unchanged(parts: list[bytes]) -> None:
    talk = NsysTalk(STEM, lambda _: None)
    shown = b"".join(talk.feed(part) for part in parts) + talk.finish()
    assert shown == b"".join(parts)


def test_a_prompt_is_not_held_back() -> None:
    talk = NsysTalk(STEM, lambda _: None)
    assert talk.feed(b"Password: ") == b"Password: "
    assert talk.feed(b"Gen") == b"Gen"  # still the same line
    assert talk.feed(b"\nGen") == b"\n"  # this may become one of nsys's
    assert talk.feed(b"eral: ") == b"General: "

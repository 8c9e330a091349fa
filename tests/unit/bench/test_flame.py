"""Flame graphs: folded stacks become frames as wide as they were seen."""

import xml.etree.ElementTree as ET

from bench.flame import MARGIN, WIDTH, draw, fold

STACKS = [
    "main (app.py:1);run (loop.py:9);put (minori/storage/a.py:3) 30",
    "main (app.py:1);run (loop.py:9);put (minori/storage/a.py:4);write (b.py:1) 60",
    "main (app.py:1);run (loop.py:9);<lambda> (c.py:1) 10",
    "",
    "no count",
]
_SVG = "{http://www.w3.org/2000/svg}"


def test_stacks_that_differ_by_lines_alone_are_one() -> None:
    root = fold(STACKS)
    assert {name: frame.samples for name, frame in root.calls.items()} == {
        "put (minori/storage/a.py)": 90,
        "<lambda> (c.py)": 10,
    }
    assert root.calls["put (minori/storage/a.py)"].calls["write (b.py)"].samples == 60


def test_frames_are_as_wide_as_their_share() -> None:
    drawn = ET.fromstring(draw("A & B", fold(STACKS)))  # noqa: S314 - our own drawing
    widths = {}
    for group in drawn.iter(f"{_SVG}g"):
        (frame,) = group.iter(f"{_SVG}rect")
        widths[group.findtext(f"{_SVG}title")] = float(frame.attrib["width"])
    whole = WIDTH - 2 * MARGIN
    assert widths == {
        "put (minori/storage/a.py): 90.0%": 0.9 * whole,
        "write (b.py): 60.0%": 0.6 * whole,
        "<lambda> (c.py): 10.0%": 0.1 * whole,
    }
    assert drawn.findtext(f"{_SVG}text") == "A & B"


def test_nothing_seen_is_an_empty_graph() -> None:
    assert not list(ET.fromstring(draw("", fold([]))).iter(f"{_SVG}g"))  # noqa: S314 - our own drawing

"""Draws a flame graph: `python -m bench.flame TITLE < FOLDED > FILE.svg`.

FOLDED is what `py-spy record --format raw` writes: a line for each stack, frames from the outermost on, joined by
semicolons, and how often it was seen. Width is time; the frames that all
stacks have in common at their bottom are left out.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from html import escape

WIDTH, ROW, MARGIN = 1200, 18, 10
"""Pixels: of the whole, of a frame's height, and around."""

NARROWEST = 1.0
"""Pixels below which a frame is left out."""

NEARLY_ALL = 0.95
"""Share of the samples from which on a frame counts as one that all stacks have in common."""

_CHARACTER = 6.4
_LINE = re.compile(r":\d+\)$")
_COLOURS = (
    ("minori/storage", "#7fb069"),
    ("minori/service", "#e6aa68"),
    ("minori/codec", "#d36135"),
    ("minori/doors", "#6d9dc5"),
    ("minori/api", "#6d9dc5"),
    ("minori/http", "#8fb8de"),
)
_OTHER = "#c9c5ba"


class Frame:
    """A function on its way from the outermost one: how many samples it is in, and what it calls."""

    def __init__(self) -> None:
        self.samples = 0
        self.calls: dict[str, Frame] = {}


def fold(lines: Iterable[str]) -> Frame:
    """The tree of all stacks, without line numbers, from the place on where they part."""
    root = Frame()
    for line in lines:
        stack, _, seen = line.strip().rpartition(" ")
        if not stack or not seen.isdigit():
            continue
        frame = root
        frame.samples += int(seen)
        for name in stack.split(";"):
            frame = frame.calls.setdefault(_LINE.sub(")", name), Frame())
            frame.samples += int(seen)
    return _parting(root)


def _parting(frame: Frame) -> Frame:
    """The first frame that does not leave nearly everything to one other."""
    while frame.calls:
        called = max(frame.calls.values(), key=lambda called: called.samples)
        if called.samples < NEARLY_ALL * frame.samples:
            break
        frame = called
    return frame


def draw(title: str, root: Frame) -> str:
    """The graph as SVG; a frame's title says its name and its share."""
    scale = (WIDTH - 2 * MARGIN) / max(root.samples, 1)
    frames = list(_frames(root, 0, 0))
    depth = 1 + max((level for _, _, _, level in frames), default=0)
    height = (depth + 1) * ROW + 2 * MARGIN
    body = []
    for name, start, samples, level in frames:
        width = samples * scale
        if width < NARROWEST:
            continue
        x, y = MARGIN + start * scale, height - MARGIN - (level + 1) * ROW
        told = f"{name}: {samples / root.samples:.1%}"
        shown = name.partition(" (")[0][: max(int((width - 4) / _CHARACTER), 0)]
        body.append(
            f'<g><title>{escape(told)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}"'
            f' fill="{_colour(name)}" rx="1"/><text x="{x + 2:.1f}" y="{y + 12}">{escape(shown)}</text></g>'
        )
    view = f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="10.5"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fbfaf7"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 8}" font-size="13">{escape(title)}</text>',
    ]
    return "\n".join([*head, *body, "</svg>", ""])


def _frames(frame: Frame, start: int, level: int) -> Iterator[tuple[str, int, int, int]]:
    for name, called in sorted(frame.calls.items()):
        yield name, start, called.samples, level
        yield from _frames(called, start, level + 1)
        start += called.samples


def _colour(name: str) -> str:
    return next((colour for place, colour in _COLOURS if place in name), _OTHER)


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1], fold(sys.stdin)))

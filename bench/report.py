"""The table: figures beside their anchors, ratios, floors, and whether they are reached."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from bench.figures import ANCHORS, Figure, Readings, middle

_WHOLE = 100
_MANY = 10_000
_HEAD = (
    "| figure | Minori | p99 | CPU | anchor | anchor's | ratio | floor | |",
    "|---|---:|---:|---:|---|---:|---:|---:|---|",
)


class Verdict(StrEnum):
    """Whether a floor or a ceiling holds; figures without one have no verdict."""

    OK = "ok"
    MISSED = "missed"
    NONE = ""


class Row(Struct, frozen=True):
    """One line: a figure and one of its anchors. Values are the middle ones of all rounds. `ratio` is Minori's
    value over the anchor's within a round, the median of all rounds: a machine that slows down between
    two rounds moves both values and leaves the ratio.

    `bound` is the floor of the ratio, or the ceiling of the value where there is no anchor.
    """

    name: str
    title: str
    unit: str
    value: float
    p99_ms: float | None
    failed: int
    cpu_us: float | None = None
    anchor: str | None = None
    anchor_value: float | None = None
    ratio: float | None = None
    bound: float | None = None
    verdict: Verdict = Verdict.NONE


def rows(figures: Iterable[Figure], readings: Readings) -> list[Row]:
    """The lines of those figures that were measured: one for each anchor, or one without.

    Raises `KeyError` if a figure was measured and one of its anchors was not, unless that is a peer.
    """
    return [row for figure in figures if figure.name in readings for row in _of_figure(figure, readings)]


def _of_figure(figure: Figure, readings: Readings) -> Iterable[Row]:
    taken = readings[figure.name]
    reading = middle(taken)
    plain = Row(figure.name, figure.title, figure.unit, reading.value, reading.p99_ms, reading.failed, reading.cpu_us)
    if not figure.against:
        ceiling = figure.ceiling
        yield replace(plain, bound=ceiling, verdict=_verdict(ceiling, ceiling is None or reading.value <= ceiling))
    for against in figure.against:
        if against.peer and against.probe not in readings:
            continue
        theirs = readings[against.probe]
        ratio = median([ours.value / anchor.value for ours, anchor in zip(taken, theirs, strict=True)])
        yield replace(
            plain,
            anchor=ANCHORS[against.probe],
            anchor_value=middle(theirs).value,
            ratio=ratio,
            bound=against.floor,
            verdict=_verdict(against.floor, against.floor is None or ratio >= against.floor),
        )


def _verdict(bound: float | None, holds: object) -> Verdict:
    if bound is None:
        return Verdict.NONE
    return Verdict.OK if holds else Verdict.MISSED


def missed(table: Iterable[Row]) -> list[str]:
    """The names of figures that miss a floor or a ceiling."""
    return [row.name for row in table if row.verdict is Verdict.MISSED]


def markdown(title: str, table: Iterable[Row]) -> str:
    """A section with the table in Markdown."""
    lines = [f"### {title}", "", *_HEAD]
    told = ""
    failed = []
    for row in table:
        first = row.name != told
        told = row.name
        lines.append(f"| {_figure(row) if first else ' | | |'} | {_anchor(row)} | {row.verdict} |")
        if first and row.failed:
            failed.append(f"{row.title}: {row.failed} requests had no answer in time.")
    return "\n".join([*lines, *([""] if failed else []), *failed, ""])


def _figure(row: Row) -> str:
    late = "" if row.p99_ms is None else f"{row.p99_ms:.1f} ms"
    cost = "" if row.cpu_us is None else _cost(row.cpu_us)
    return f"{row.title} | {amount(row.value)} {row.unit} | {late} | {cost}"


def _cost(microseconds: float) -> str:
    return f"{microseconds:.0f} µs" if microseconds < _MANY else f"{microseconds / 1000:,.0f} ms"


def _anchor(row: Row) -> str:
    if row.anchor_value is None or row.ratio is None:
        return f" | | | {'' if row.bound is None else f'≤ {amount(row.bound)}'}"
    floor = "" if row.bound is None else f"≥ {row.bound:.2f}"
    return f"{row.anchor} | {amount(row.anchor_value)} {row.unit} | {row.ratio:.3f} | {floor}"


def amount(value: float) -> str:
    """A number with three digits that count, thousands apart."""
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"


def machine(facts: Mapping[str, str]) -> str:
    """What it was measured on, as a list in Markdown."""
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items()) + "\n"

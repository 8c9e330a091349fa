"""How a run goes: on which cores, how long, how often, and which figures."""

from collections.abc import Iterable

from msgspec import Struct

from bench.errors import BenchError
from bench.figures import FIGURES, GROWTH_FIGURES, Figure


class Plan(Struct, frozen=True):
    """What a run was asked for.

    `core` runs what is measured, `load_core` the load. Each probe takes `seconds` in each of `rounds`.
    `scale` is the number of entries in the large store; 0 leaves that part out.
    """

    core: int
    load_core: int
    seconds: int
    rounds: int
    scale: int

    def with_anchors(self, figures: Iterable[Figure], wanted: Iterable[str]) -> set[str]:
        """The probes that those of the `figures` which are `wanted` need."""
        chosen = [figure for figure in figures if figure.name in set(wanted)]
        return {figure.name for figure in chosen} | {against.probe for figure in chosen for against in figure.against}


def choose(only: Iterable[str]) -> list[Figure]:
    """The figures whose name is, or begins with, one of `only`; for an empty `only` all but those of growth."""
    asked = list(only)
    known = [figure.name for figure in FIGURES]
    for name in asked:
        if not any(_is_meant(figure, name) for figure in known):
            raise BenchError(f"There is no figure {name}; known are {', '.join(known)}")
    if not asked:
        return [figure for figure in FIGURES if figure not in GROWTH_FIGURES]
    return [figure for figure in FIGURES if any(_is_meant(figure.name, name) for name in asked)]


def _is_meant(figure: str, name: str) -> bool:
    return figure == name or figure.startswith(name + "-")

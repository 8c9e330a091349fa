"""The parts of a run, in their order: what each measures, and what it is called in the report."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec import Struct

from bench import crowd, disk, doors, figures, files, growth, index, scale, sims, stored, ways
from bench.figures import Figure, Reading
from bench.fill_index import CROWD, INDEXED
from bench.fill_sims import SESSIONS, SIMS
from bench.plan import Plan


class Part(Struct, frozen=True):
    """A part of a run; `{scale}` in its title is the size of the large store.

    One that `is_large` is left out where no large store is wanted.
    """

    name: str
    title: str
    figures: Sequence[Figure]
    run: Callable[[Plan, AbstractSet[str], Path], dict[str, list[Reading]]]
    is_large: bool = True


PARTS = (
    Part("doors", "Doors, and reads of a small store", figures.DOOR_FIGURES, doors.run, is_large=False),
    Part("scale", f"{{scale:,}} entries over {scale.RESOURCES:,} resources", figures.SCALE_FIGURES, scale.run),
    Part(
        "disk", f"From disk: {disk.ENTRIES:,} entries over {disk.RESOURCES:,} resources", figures.DISK_FIGURES, disk.run
    ),
    Part(
        "plant",
        f"{stored.ENTRIES:,} entries of {stored.DEVICES:,} simulated devices",
        figures.PLANT_FIGURES,
        stored.run,
    ),
    Part("crowd", f"{crowd.RESOURCES:,} resources, each with a SIM and a session", figures.CROWD_FIGURES, crowd.run),
    Part("files", "Files", figures.FILE_FIGURES, files.run, is_large=False),
    Part("index", f"{INDEXED:,} files, {CROWD:,} of them in one folder", figures.INDEX_FIGURES, index.run),
    Part("ways", "What a group says about payloads, and a flood", figures.WAYS_FIGURES, ways.run, is_large=False),
    Part("sims", f"{SIMS:,} SIMs and {SESSIONS:,} sessions", figures.SIM_FIGURES, sims.run),
    Part("growth", "What a request costs as the store grows", figures.GROWTH_FIGURES, growth.run),
)

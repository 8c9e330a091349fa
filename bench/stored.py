"""What a plant of simulated devices takes on disk, beside the bytes that it has sent."""

from collections.abc import Set as AbstractSet
from pathlib import Path

from bench.figures import Reading
from bench.fill import PLANT
from bench.plan import Plan
from bench.rounds import say
from bench.server import minori
from bench.store import bytes_at_rest, fill_store

ENTRIES = 1_000_000
DEVICES = 200


def run(plan: Plan, _: AbstractSet[str], work: Path) -> dict[str, list[Reading]]:
    """The readings of all its figures, one each."""
    say(f"A plant of {DEVICES:,} simulated devices")
    data, log = work / "plant", work / "plant.log"
    with minori(plan.core, data, log) as server:
        operator_id = server.operator_id
    filled = fill_store(data, operator_id, ENTRIES, DEVICES, PLANT)
    with minori(plan.core, data, log) as server:
        stored = bytes_at_rest(server, data)
    return {
        "plant-content": [Reading(filled.content_bytes / ENTRIES)],
        "plant-disk": [Reading(stored / ENTRIES)],
        "plant-disk-ratio": [Reading(stored / filled.content_bytes)],
    }

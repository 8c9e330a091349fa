"""Lists and searches of SIMs, page by page, against the plainest of models."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minori.model.registry import Sim, SimStatus
from minori.model.selection import SOUGHT, SimFilter, SimSearch, TagFilter
from minori.service import sims as sims_module
from minori.service.sims import SimName
from registered import MINE, OTHERS, House, furnished

TEXT = st.text("aAbé1", max_size=2)
WORD = st.text("aAbé1", min_size=1, max_size=2)
WORDS = st.lists(WORD, max_size=2).map(tuple)

SIMS = st.lists(
    st.builds(
        Sim,
        st.text("0189", min_size=1, max_size=3),
        st.text("0189", min_size=1, max_size=3),
        st.sampled_from([MINE, MINE, OTHERS]),
        st.sampled_from([None, "g1", "g2"]),
        st.sampled_from([status.value for status in SimStatus]),
        st.dictionaries(st.sampled_from(["name", "site"]), TEXT),
        st.just(1),
        st.just(1),
        speed_class=st.sampled_from([None, "s1.slow", "s1.fast"]),
        serial_number=st.none() | TEXT,
        subscription=st.none() | TEXT,
    ),
    max_size=12,
    unique_by=(lambda sim: sim.sim_id, lambda sim: sim.imsi),
)
FILTERS = st.builds(
    SimFilter,
    st.none() | st.builds(TagFilter, st.sampled_from(["name", "site"]), TEXT, st.booleans()),
    st.lists(st.sampled_from([status.value for status in SimStatus]), max_size=2).map(tuple),
    st.lists(st.sampled_from(["s1.slow", "s1.fast", "s1"]), max_size=2).map(tuple),
    WORDS,
)
SEARCHES = st.builds(
    SimSearch,
    st.dictionaries(
        st.sampled_from(sorted(SOUGHT)),
        st.lists(WORD.map(str.lower), min_size=1, max_size=2).map(tuple),
        max_size=3,
    ),
    st.none() | st.frozensets(st.sampled_from(["g1", "g2"]), max_size=2),
    st.booleans(),
    st.sampled_from([None, True, False]),
)


def listed(sim: Sim, wanted: SimFilter) -> bool:
    """Whether a filter lists a SIM, told member by member."""
    if wanted.statuses and sim.status not in wanted.statuses:
        return False
    if wanted.speed_classes and sim.speed_class not in wanted.speed_classes:
        return False
    serial = sim.serial_number or ""
    if wanted.serial_numbers and not any(serial[: len(text)] == text for text in wanted.serial_numbers):
        return False
    tag = wanted.tag
    if tag is None:
        return True
    if tag.name not in sim.tags:
        return False
    value = sim.tags[tag.name]
    return value[: len(tag.value)] == tag.value if tag.is_prefix else value == tag.value


def found(sim: Sim, wanted: SimSearch) -> bool:
    """Whether a search finds a SIM, told name by name."""
    if wanted.is_online is not None and wanted.is_online != (sim.status in ("ready", "active")):
        return False
    texts: dict[str, list[str]] = {
        "name": [sim.tags["name"]] if "name" in sim.tags else [],
        "sim_id": [sim.sim_id],
        "iccid": [sim.sim_id],
        "imsi": [sim.imsi],
        "serial_number": [sim.serial_number] if sim.serial_number else [],
        "subscription": [sim.subscription] if sim.subscription else [],
        "tag": list(sim.tags.values()),
    }
    answers = []
    for name, words in wanted.texts.items():
        hits = [word for word in words for text in texts.get(name, []) if text.lower().find(word) >= 0]
        answers.append(len(hits) > 0)
    if wanted.groups is not None:
        answers.append(sim.group_id in wanted.groups)
    if not answers:
        return True
    return any(answers) if wanted.is_any else all(answers)


async def read(house: House, by: SimName, wanted: SimFilter | SimSearch, limit: int) -> list[Sim]:
    """All pages; none is longer than it may be, and the last one is the only one without a key."""
    whole: list[Sim] = []
    after: str | None = ""
    while after is not None:
        page = await house.sims.page(MINE, by, wanted, after, limit)
        assert len(page.sims) <= limit
        assert page.next_after is None or page.next_after > after
        whole += page.sims
        after = page.next_after
    return whole


@settings(deadline=None)
@given(sims=SIMS, wanted=FILTERS | SEARCHES, by=st.sampled_from(SimName), limit=st.integers(1, 13))
def test_pages_of_any_size_hold_what_the_model_lists_in_order(
    sims: list[Sim], wanted: SimFilter | SimSearch, by: SimName, limit: int
) -> None:
    fits: Any = listed if isinstance(wanted, SimFilter) else found
    expected = [sim for sim in sims if sim.account == MINE and fits(sim, wanted)]

    async def story(house: House) -> None:
        assert await read(house, by, wanted, limit) == sorted(expected, key=lambda sim: getattr(sim, by.value))

    furnished(story, *sims)


@settings(deadline=None)
@given(sims=SIMS, wanted=FILTERS, limit=st.integers(1, 13))
def test_a_page_that_is_cut_short_by_looking_loses_nothing(sims: list[Sim], wanted: SimFilter, limit: int) -> None:
    expected = sorted(sim.imsi for sim in sims if sim.account == MINE and listed(sim, wanted))

    async def story(house: House) -> None:
        assert [sim.imsi for sim in await read(house, SimName.IMSI, wanted, limit)] == expected

    with_bounds = (sims_module.SLICE, sims_module.SCANNED)
    sims_module.SLICE, sims_module.SCANNED = 2, 4
    try:
        furnished(story, *sims)
    finally:
        sims_module.SLICE, sims_module.SCANNED = with_bounds

"""What every catalog passes: the words of `storage.base.Catalog`, each as a test.

A driver's tests subclass `CatalogContract` and say how one empty catalog is opened. pytest collects
the subclass; this module needs no test library.
"""

import asyncio
from typing import Any

from msgspec.structs import replace

from minori.model.export import ExportedBytes, ExportJob
from minori.model.registry import (
    AuthKey,
    Device,
    Group,
    KeyUse,
    Logout,
    Operator,
    Record,
    ResetPurpose,
    ResetToken,
    Role,
    SecondFactor,
    Secret,
    Session,
    Sim,
    User,
)
from minori.storage.base import Catalog, Insert, Put, Remove, Replace
from minori.storage.contract.catalog_journal import JournalContract
from minori.storage.contract.catalog_story import is_refused, story
from minori.storage.records import key_of

OPERATOR = Operator("OP0000000001", "one@example.com", "$argon2id$", 1_700_000_000_000)
GROUP = Group(
    "group-1",
    "OP0000000001",
    {"name": "demo", "läge": "実り"},
    {"SoracomHarvest": {"enabled": True, "ratio": 0.5, "big": 2**60, "none": None, "list": [1, "a", {"b": []}]}},
    1,
    2,
)
SIM = Sim("sim-1", "001010000000001", "OP0000000001", None, "active", {}, 1, 2)
EXAMPLES: tuple[Record, ...] = (
    OPERATOR,
    AuthKey("keyId-1", "OP0000000001", "00ff", 1),
    KeyUse("keyId-1", 2**40),
    User("srn:soracom:OP1::User:anna", "OP1", "anna", "läge", 1, 2, "seal", {"self": 3}, None, "{}", "[]", "other"),
    Role("srn:soracom:OP1::Role:self", "OP1", "self", "", '{"statements":[]}', 1, 2),
    ResetToken("00ff", "OP1", 2**33, ResetPurpose.SECOND_FACTOR.value),
    GROUP,
    SIM,
    Sim(
        "sim-2", "2", "OP0000000001", "g", "ready", {}, 1, 2, "uicc", "s1.fast", "plan", "S-1", termination_enabled=True
    ),
    Device("OP1/SoraCam/a/b", "OP1", "SoraCam", "a/b", None, {"a": "b"}, {"endpoint": "実"}, 1, 2, "k-1", "00ff"),
    Session("127.0.0.0/8", "001010000000001"),
    SecondFactor(
        "srn:soracom:OP1::User:anna", "OP1", bytes(range(20)), 2**33, is_confirmed=True, backup_codes={"0f": 1}
    ),
    Logout("00ff", 2**33),
    Secret("token-signing", bytes(range(256))),
    ExportJob("fe_1", "OP0000000001", "export", {"first": 0, "last": 2**63 - 1, "columns": True}, "a.csv", "x/y", 1),
    ExportedBytes("OP0000000001/202511", "OP0000000001", 2**40),
)
"""A record of every class, with values that a careless mapping would lose."""


class CatalogContract(JournalContract):
    """The suite, that of the journal included. Every test gets an empty catalog on an event loop of its own."""

    @story
    async def test_a_record_of_every_class_comes_back_as_it_was_written(self, catalog: Catalog) -> None:
        """Mappings, missing values, large numbers and bytes included."""
        await catalog.apply(*[Insert(record) for record in EXAMPLES])
        for record in EXAMPLES:
            assert await catalog.get(type(record), key_of(record)) == record

    @story
    async def test_an_unknown_key_is_none(self, catalog: Catalog) -> None:
        """Absence is no error."""
        assert await catalog.get(Operator, "OP0000000009") is None

    @story
    async def test_a_key_belongs_to_its_class(self, catalog: Catalog) -> None:
        """The same text may be the key of records of two classes."""
        await catalog.apply(Insert(Session("same", "1")), Insert(Logout("same", 1)))
        assert await catalog.get(Session, "same") == Session("same", "1")

    @story
    async def test_insert_of_a_taken_key_is_refused_and_changes_nothing(self, catalog: Catalog) -> None:
        """The first record stays."""
        await catalog.apply(Insert(Session("n", "1")))
        assert await is_refused(catalog, Insert(Session("n", "2")))
        assert await catalog.get(Session, "n") == Session("n", "1")

    @story
    async def test_insert_of_a_taken_unique_fieldis_refused(self, catalog: Catalog) -> None:
        """E-mail address and IMSI are unique over all operators."""
        await catalog.apply(Insert(OPERATOR), Insert(SIM))
        assert await is_refused(catalog, Insert(Operator("OP0000000002", OPERATOR.email, "", 1)))
        assert await is_refused(catalog, Insert(Sim("sim-2", SIM.imsi, "OP0000000002", None, "active", {}, 1, 1)))

    @story
    async def test_put_writes_a_record_whether_it_exists_or_not(self, catalog: Catalog) -> None:
        """The second one replaces all fields."""
        await catalog.apply(Put(SIM))
        moved = Sim(SIM.sim_id, "001010000000002", "OP0000000001", "group-1", "inactive", {"a": "b"}, 3, 4)
        await catalog.apply(Put(moved))
        assert await catalog.find(Sim) == [moved]

    @story
    async def test_put_never_replaces_a_record_of_another_key(self, catalog: Catalog) -> None:
        """A unique field that another record holds refuses a `Put` as it does an `Insert`."""
        await catalog.apply(Insert(OPERATOR))
        assert await is_refused(catalog, Put(Operator("OP0000000002", OPERATOR.email, "", 1)))
        assert await catalog.find(Operator) == [OPERATOR]

    @story
    async def test_replace_writes_over_what_is_known_and_nothing_else(self, catalog: Catalog) -> None:
        """A record that others have changed, made anew or removed meanwhile is not what was known."""
        await catalog.apply(Insert(SIM))
        later, other = replace(SIM, status="suspended"), replace(SIM, tags={"name": "other"})
        await catalog.apply(Replace(later, SIM))
        assert await is_refused(catalog, Replace(other, SIM))
        assert await is_refused(catalog, Insert(Session("n", "1")), Replace(other, other))
        assert await catalog.find(Sim) == [later]
        assert await catalog.find(Session) == []
        await catalog.apply(Remove(SIM))
        assert await is_refused(catalog, Replace(other, later))
        assert await catalog.find(Sim) == []

    @story
    async def test_of_many_replacements_of_one_record_at_once_one_happens(self, catalog: Catalog) -> None:
        """Every other one is refused, and may look anew."""
        await catalog.apply(Insert(SIM))
        tagged = [replace(SIM, tags={"turn": str(turn)}) for turn in range(20)]
        refused = await asyncio.gather(*[is_refused(catalog, Replace(one, SIM)) for one in tagged])
        assert refused.count(False) == 1
        assert await catalog.find(Sim) == [tagged[refused.index(False)]]

    @story
    async def test_remove_takes_the_record_with_the_same_key(self, catalog: Catalog) -> None:
        """The other fields of the record that is given do not matter."""
        await catalog.apply(Insert(Session("a", "1")), Insert(Session("b", "1")))
        await catalog.apply(Remove(Session("a", "unknown")))
        assert await catalog.find(Session) == [Session("b", "1")]

    @story
    async def test_remove_of_what_does_not_exist_does_nothing(self, catalog: Catalog) -> None:
        """Removing twice is no error."""
        await catalog.apply(Remove(OPERATOR))
        assert await catalog.find(Operator) == []

    @story
    async def test_a_refused_change_undoes_those_before_it(self, catalog: Catalog) -> None:
        """One transaction is made whole or not at all."""
        await catalog.apply(Insert(Session("old", "1")))
        assert await is_refused(
            catalog, Insert(Session("new", "1")), Remove(Session("old", "1")), Put(SIM), Put(SIM), Insert(SIM)
        )
        assert await catalog.find(Session) == [Session("old", "1")]
        assert await catalog.find(Sim) == []

    @story
    async def test_changes_are_made_in_their_order(self, catalog: Catalog) -> None:
        """So what one removes, the next may insert."""
        await catalog.apply(Insert(OPERATOR))
        heir = Operator("OP0000000002", OPERATOR.email, "", 1)
        await catalog.apply(Remove(OPERATOR), Insert(heir))
        assert await catalog.find(Operator) == [heir]

    @story
    async def test_no_change_at_all_is_allowed(self, catalog: Catalog) -> None:
        """A service need not ask whether it has anything to say."""
        await catalog.apply()

    @story
    async def test_find_sorts_by_the_bytes_of_the_key(self, catalog: Catalog) -> None:
        """Neither case nor language matters, nor the order of UTF-16 units."""
        keys = ["a", "B", "10", "9", "é", "\uffee", "\U0001f33e", "ab", "b"]
        await catalog.apply(*[Insert(Session(key, "1")) for key in keys])
        assert [found.network for found in await catalog.find(Session)] == sorted(keys, key=str.encode)

    @story
    async def test_find_keeps_records_that_equal_all_of_where(self, catalog: Catalog) -> None:
        """One field is not enough."""
        fields = [("1", "OP1", "g1"), ("2", "OP1", "g2"), ("3", "OP2", "g1")]
        await catalog.apply(*[Insert(Sim(i, i, operator, group, "active", {}, 1, 1)) for i, operator, group in fields])
        found = await catalog.find(Sim, {"account": "OP1", "group_id": "g1"})
        assert [sim.sim_id for sim in found] == ["1"]

    @story
    async def test_find_compares_text_exactly(self, catalog: Catalog) -> None:
        """Case, accents and wildcards are ordinary characters."""
        await catalog.apply(Insert(OPERATOR))
        for email in ("ONE@example.com", "one@example.com ", "one@exampl_.com", "öne@example.com"):
            assert await catalog.find(Operator, {"email": email}) == []

    @story
    async def test_find_by_none_keeps_records_without_a_value(self, catalog: Catalog) -> None:
        """A SIM in no group is found by the group `None`."""
        grouped = Sim("sim-2", "2", "OP0000000001", "group-1", "active", {}, 1, 1)
        await catalog.apply(Insert(SIM), Insert(grouped))
        assert await catalog.find(Sim, {"group_id": None}) == [SIM]

    @story
    async def test_find_by_a_mapping_or_an_unknown_field_is_a_mistake(self, catalog: Catalog) -> None:
        """The caller is told so, with any driver."""
        wheres: tuple[dict[str, Any], ...] = ({"tags": {}}, {"colour": "red"})
        for where in wheres:
            try:
                await catalog.find(Sim, where)
            except ValueError:
                continue
            raise AssertionError(where)

    @story
    async def test_pages_of_any_size_make_up_the_whole(self, catalog: Catalog) -> None:
        """The key of the last record is where the next page starts, even if that record is gone."""
        whole = [Session(f"{number:02}", "1") for number in range(7)]
        await catalog.apply(*[Insert(session) for session in whole])
        for limit in range(1, 9):
            pages: list[Session] = []
            while page := await catalog.find(Session, after=pages[-1].network if pages else None, limit=limit):
                assert len(page) <= limit
                pages.extend(page)
            assert pages == whole
        await catalog.apply(Remove(whole[3]))
        assert await catalog.find(Session, after=whole[3].network) == whole[4:]

    @story
    async def test_a_sound_catalog_has_no_flaws(self, catalog: Catalog) -> None:
        """Neither empty nor with records."""
        assert list(await catalog.flaws()) == []
        await catalog.apply(*[Insert(record) for record in EXAMPLES])
        assert list(await catalog.flaws()) == []

    @story
    async def test_what_a_caller_does_to_a_mapping_does_not_reach_the_catalog(self, catalog: Catalog) -> None:
        """Neither through the record that was written nor through one that was read."""
        written = Group("g", "OP1", {"name": "demo"}, {"SoracomHarvest": {"enabled": True}}, 1, 1)
        await catalog.apply(Insert(written))
        written.tags.clear()
        (read,) = await catalog.find(Group)
        read.configuration["SoracomHarvest"]["enabled"] = False
        kept = Group("g", "OP1", {"name": "demo"}, {"SoracomHarvest": {"enabled": True}}, 1, 1)
        assert await catalog.get(Group, "g") == kept

    @story
    async def test_one_of_many_inserts_of_a_key_at_once_wins(self, catalog: Catalog) -> None:
        """Every other one is refused."""
        refused = await asyncio.gather(*[is_refused(catalog, Insert(Session("n", str(i)))) for i in range(20)])
        assert refused.count(False) == 1
        (kept,) = await catalog.find(Session)
        assert kept.imsi == str(refused.index(False))

    @story
    async def test_a_cancelled_change_leaves_the_catalog_usable(self, catalog: Catalog) -> None:
        """It happened whole or not at all."""
        for number in range(10):
            both = (Insert(Session(f"{number}a", "1")), Insert(Session(f"{number}b", "1")))
            change = asyncio.ensure_future(catalog.apply(*both))
            for _ in range(number):
                await asyncio.sleep(0)
            change.cancel()
            await asyncio.wait([change])
        await catalog.apply(Insert(Session("last", "1")))
        networks = {session.network for session in await catalog.find(Session)}
        assert "last" in networks
        assert all((f"{number}a" in networks) == (f"{number}b" in networks) for number in range(10))

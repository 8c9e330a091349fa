"""The audit log on SQLite against the one in memory: whatever is done to both, they answer alike."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from msgspec.structs import replace

from minori.model.audit import AuditEntry, AuditPage, AuditPlace, AuditQuery
from minori.storage.base import AuditLog
from minori.storage.memory.audit import MemoryAuditLog
from minori.storage.sql.audit import open_audit_log

T = TypeVar("T")

OPERATORS = ("OP1", "OP10", "OP2")
KINDS = ("/v1/auth", "/v1/sims/{sim_id}", "/v1/auth/")
ALL = 1000

# Most of what happens happens to one operator within a few milliseconds, so that it meets there.
operators = st.sampled_from((*[OPERATORS[0]] * 6, *OPERATORS))
times = st.sampled_from((3, 3, 3, 4, 4, 5, 2**62)) | st.integers(0, 9)
kinds = st.sampled_from(KINDS)
limits = st.integers(1, 4) | st.integers(1, 30)
texts = st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=5)
entries = st.builds(
    AuditEntry, operators, st.none() | texts, texts, st.just("GET"), kinds, texts, times, st.integers(100, 599)
)
places = st.builds(AuditPlace, times, st.none() | st.integers(0, 40))
queries = st.builds(AuditQuery, operators, st.none() | kinds, st.just(0) | times, st.just(2**63 - 1) | times, limits)


class AuditLogs(RuleBasedStateMachine):
    """Two logs side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryAuditLog()
        self.sql: AuditLog = self.run(open_audit_log(f"sqlite://{self.folder}/audit.sqlite"))

    def teardown(self) -> None:
        self.run(self.sql.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(doing)

    def both(self, ask: Callable[[AuditLog], Coroutine[Any, Any, T]]) -> T:
        answer = self.run(ask(self.sql))
        assert answer == self.run(ask(self.memory))
        return answer

    @initialize(added=st.lists(entries, min_size=5, max_size=20))
    def begin(self, added: list[AuditEntry]) -> None:
        self.both(lambda log: log.add(added))

    @rule(added=st.lists(entries, max_size=8))
    def add(self, added: list[AuditEntry]) -> None:
        self.both(lambda log: log.add(added))

    def page(self, query: AuditQuery, before: AuditPlace | None) -> AuditPage:
        return self.both(lambda log: log.page(query, before))

    @rule(query=queries, before=st.none() | places)
    def turn(self, query: AuditQuery, before: AuditPlace | None) -> None:
        self.page(query, before)

    def everything(self, query: AuditQuery) -> list[AuditEntry]:
        return list(self.page(replace(query, limit=ALL), None).entries)

    @rule(query=queries)
    def join_pages(self, query: AuditQuery) -> None:
        page = self.page(query, None)
        joined = list(page.entries)
        while page.end is not None:
            page = self.page(query, page.end)
            joined += page.entries
        assert joined == self.everything(query)

    @rule(before=times, keep=st.integers(1, 30), limit=limits)
    def forget(self, before: int, keep: int, limit: int) -> None:
        # Whose entries go first where not all can go is nobody's business.
        def rounds(log: AuditLog) -> Coroutine[Any, Any, list[int]]:
            async def told() -> list[int]:
                forgotten = [limit]
                while forgotten[-1] == limit:
                    forgotten.append(await log.forget(before, keep, limit))
                return forgotten

            return told()

        self.both(rounds)
        for operator in OPERATORS:
            self.everything(AuditQuery(operator, None, 0, 2**63 - 1, 1))

    @rule()
    def reopen(self) -> None:
        self.run(self.sql.close())
        self.sql = self.run(open_audit_log(f"sqlite://{self.folder}/audit.sqlite"))


def profile(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_sqlite_answers_as_memory_does() -> None:
    run_state_machine_as_test(AuditLogs, settings=profile(20, 20))


@pytest.mark.slow
def test_sqlite_answers_as_memory_does_for_long() -> None:
    run_state_machine_as_test(AuditLogs, settings=profile(200, 50))

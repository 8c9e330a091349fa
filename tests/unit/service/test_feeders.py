"""Shared keys and ingest tokens: made, found, and taken back."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256

import msgspec
import pytest

from minori.codec.beam import VERSION, Vouched, read_headers
from minori.errors import (
    BeamRejected,
    CredentialsMissing,
    CredentialsWrong,
    Error,
    InvalidParameter,
    LimitReached,
    NotFound,
)
from minori.model.account import Coverage, account_of
from minori.model.registry import BeamKey, IngestToken
from minori.service.feeders import BEAM_KEYS, INGEST_TOKENS, FeederService, FeederView
from minori.service.views import Views
from minori.storage.base import Noted
from minori.storage.memory.catalog import MemoryCatalog
from registered import MINE, OTHERS, refused

GLOBAL = account_of(MINE, Coverage.GLOBAL)
NOW = 1_700_000_000_000

Story = Callable[[FeederService], Awaitable[None]]


def tell(story: Story) -> None:
    """A story of the service; its clock goes on by a millisecond each time it is read."""

    async def told() -> None:
        view = FeederView()
        ticks = iter(range(NOW, NOW + 1000))
        await story(FeederService(view, Views(MemoryCatalog(), view), lambda: next(ticks)))

    asyncio.run(told())


def signed(key: str, time: int = NOW) -> Vouched:
    """What Beam says of a SIM, signed with a key."""
    text = f"x-soracom-imsi=001010000000001x-soracom-timestamp={time}"
    said = {"x-soracom-imsi": "001010000000001", "x-soracom-timestamp": str(time)}
    said |= {"x-soracom-signature": sha256((key + text).encode()).hexdigest(), "x-soracom-signature-version": VERSION}
    return read_headers([(name.encode(), value.encode()) for name, value in said.items()])


def refusal(call: Callable[[], object], error: type[Error]) -> str:
    with pytest.raises(error) as raised:
        call()
    return raised.value.message


def test_a_key_that_is_made_signs_from_then_on_and_is_shown_once() -> None:
    async def story(feeders: FeederService) -> None:
        made = await feeders.add_beam_key(MINE, None, "plant")
        assert (len(made.beam_key), made.beam_key.isalnum(), made.beam_key in repr(made)) == (32, True, False)
        (key,) = feeders.view.signers(signed(made.beam_key), MINE, NOW, 300)
        assert (key.account, key.description, key.beam_key_id) == (MINE, "plant", made.beam_key_id)
        assert made.beam_key not in repr(key)
        assert (await feeders.add_beam_key(MINE, None, "")).beam_key != made.beam_key

    tell(story)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 65, "a-b", "a\n"])
def test_a_key_that_beam_cannot_have_is_refused_and_not_repeated(key: str) -> None:
    async def story(feeders: FeederService) -> None:
        message = await refused(feeders.add_beam_key(MINE, key, ""), InvalidParameter)
        assert not key or key not in message
        assert feeders.view.beam_keys(MINE) == []

    tell(story)


@pytest.mark.parametrize("description", ["x" * 257, "a\0b"])
def test_a_description_is_bounded(description: str) -> None:
    async def story(feeders: FeederService) -> None:
        await refused(feeders.add_beam_key(MINE, None, description), InvalidParameter)
        await refused(feeders.add_ingest_token(MINE, description), InvalidParameter)

    tell(story)


def test_an_account_has_so_many_keys_and_tokens_and_no_more() -> None:
    async def story(feeders: FeederService) -> None:
        keys = [await feeders.add_beam_key(MINE, None, "") for _ in range(BEAM_KEYS)]
        await refused(feeders.add_beam_key(MINE, None, ""), LimitReached)
        await feeders.add_beam_key(GLOBAL, None, "")
        await feeders.remove_beam_key(MINE, keys[0].beam_key_id)
        await feeders.add_beam_key(MINE, None, "")
        for _ in range(INGEST_TOKENS):
            await feeders.add_ingest_token(MINE, "")
        await refused(feeders.add_ingest_token(MINE, ""), LimitReached)
        await feeders.add_ingest_token(OTHERS, "")

    tell(story)


def test_keys_are_listed_oldest_first_each_account_s_apart() -> None:
    async def story(feeders: FeederService) -> None:
        first = await feeders.add_beam_key(MINE, None, "")
        await feeders.add_beam_key(GLOBAL, None, "")
        second = await feeders.add_beam_key(MINE, None, "")
        listed = [key.beam_key_id for key in feeders.view.beam_keys(MINE)]
        assert listed == [first.beam_key_id, second.beam_key_id]
        one, other = await feeders.add_ingest_token(MINE, ""), await feeders.add_ingest_token(MINE, "")
        tokens = [token.ingest_token_id for token in feeders.view.ingest_tokens(MINE)]
        assert tokens == [one.ingest_token_id, other.ingest_token_id]

    tell(story)


def test_another_account_removes_nothing() -> None:
    async def story(feeders: FeederService) -> None:
        key, token = await feeders.add_beam_key(MINE, None, ""), await feeders.add_ingest_token(MINE, "")
        for account in (OTHERS, GLOBAL):
            await refused(feeders.remove_beam_key(account, key.beam_key_id), NotFound)
            await refused(feeders.remove_ingest_token(account, token.ingest_token_id), NotFound)
        await feeders.remove_beam_key(MINE, key.beam_key_id)
        await feeders.remove_ingest_token(MINE, token.ingest_token_id)
        await refused(feeders.remove_beam_key(MINE, key.beam_key_id), NotFound)
        await refused(feeders.remove_ingest_token(MINE, token.ingest_token_id), NotFound)

    tell(story)


def test_what_is_removed_signs_and_opens_nothing_more() -> None:
    async def story(feeders: FeederService) -> None:
        key, token = await feeders.add_beam_key(MINE, "one", ""), await feeders.add_ingest_token(MINE, "")
        (kept,) = feeders.view.signers(signed("one"), MINE, NOW, 300)
        assert feeders.view.has_beam_key(kept)
        await feeders.remove_beam_key(MINE, key.beam_key_id)
        await feeders.remove_ingest_token(MINE, token.ingest_token_id)
        assert not feeders.view.has_beam_key(kept)
        refusal(lambda: feeders.view.signers(signed("one"), MINE, NOW, 300), BeamRejected)
        refusal(lambda: feeders.view.token_account(MINE, f"Bearer {token.ingest_token}"), CredentialsWrong)

    tell(story)


def test_keys_of_an_operator_count_in_both_coverages_and_for_nobody_else() -> None:
    async def story(feeders: FeederService) -> None:
        await feeders.add_beam_key(GLOBAL, "one", "")
        assert [key.account for key in feeders.view.signers(signed("one"), MINE, NOW, 300)] == [GLOBAL]
        refusal(lambda: feeders.view.signers(signed("one"), OTHERS, NOW, 300), BeamRejected)
        refusal(lambda: feeders.view.signers(signed("one"), GLOBAL, NOW, 300), BeamRejected)
        assert [key.account for key in feeders.view.signers(signed("one"), None, NOW, 300)] == [GLOBAL]

    tell(story)


def test_all_who_chose_the_same_key_have_signed_the_oldest_first() -> None:
    async def story(feeders: FeederService) -> None:
        for account in (OTHERS, MINE, GLOBAL):
            await feeders.add_beam_key(account, "same", "")
            await feeders.add_beam_key(account, None, "")
        accounts = [key.account for key in feeders.view.signers(signed("same"), None, NOW, 300)]
        assert accounts == [OTHERS, MINE, GLOBAL]
        accounts = [key.account for key in feeders.view.signers(signed("same"), MINE, NOW, 300)]
        assert accounts == [MINE, GLOBAL]

    tell(story)


def test_without_keys_nothing_is_signed_right() -> None:
    async def story(feeders: FeederService) -> None:
        for operator in (MINE, None):
            refusal(partial(feeders.view.signers, signed(""), operator, NOW, 300), BeamRejected)

    tell(story)


def test_a_token_is_kept_as_its_hash_alone() -> None:
    async def story(feeders: FeederService) -> None:
        made = await feeders.add_ingest_token(MINE, "farm")
        (token,) = feeders.view.ingest_tokens(MINE)
        assert made.ingest_token not in repr(made) + repr(token) + msgspec.json.encode(token).decode()
        assert token.token_sha256 == sha256(made.ingest_token.encode()).hexdigest()
        assert len(made.ingest_token) >= 43
        assert feeders.view.token_account(MINE, f"Bearer {made.ingest_token}") == MINE

    tell(story)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic x", "x", "Bearer\tx"])
def test_without_a_bearer_a_token_is_asked_for(header: str | None) -> None:
    async def story(feeders: FeederService) -> None:
        refusal(lambda: feeders.view.token_account(MINE, header), CredentialsMissing)

    tell(story)


@pytest.mark.parametrize("token", ["x", "\xff", "ingest-", "x" * 10_000])
def test_a_token_that_there_is_not_is_refused_and_not_repeated(token: str) -> None:
    async def story(feeders: FeederService) -> None:
        message = refusal(lambda: feeders.view.token_account(MINE, f"Bearer {token}"), CredentialsWrong)
        assert f" {token} " not in message

    tell(story)


def test_a_token_of_another_operator_is_told_in_the_same_words_as_none() -> None:
    async def story(feeders: FeederService) -> None:
        made = await feeders.add_ingest_token(OTHERS, "")
        theirs = refusal(lambda: feeders.view.token_account(MINE, f"Bearer {made.ingest_token}"), CredentialsWrong)
        assert theirs == refusal(lambda: feeders.view.token_account(MINE, "Bearer x"), CredentialsWrong)

    tell(story)


def test_a_token_counts_for_its_coverage() -> None:
    async def story(feeders: FeederService) -> None:
        made = await feeders.add_ingest_token(GLOBAL, "")
        assert feeders.view.token_account(MINE, f"bearer  {made.ingest_token} ") == GLOBAL

    tell(story)


def test_the_view_takes_any_order_and_repetition() -> None:
    view = FeederView()
    key, token = BeamKey("bk", MINE, "", "one", 1), IngestToken("it", MINE, "", sha256(b"t").hexdigest(), 1)
    for record, kind, name in ((key, BeamKey, "bk"), (token, IngestToken, "it")):
        view.take(Noted(kind, name, None))
        view.take(Noted(kind, name, record))
        view.take(Noted(kind, name, record))
        assert list(view.keys(kind)) == [name]
    assert view.token_account(MINE, "Bearer t") == MINE
    changed = msgspec.structs.replace(token, token_sha256=sha256(b"u").hexdigest())
    view.take(Noted(IngestToken, "it", changed))
    refusal(lambda: view.token_account(MINE, "Bearer t"), CredentialsWrong)
    assert view.token_account(MINE, "Bearer u") == MINE
    assert list(view.signers(signed("one"), MINE, NOW, 300)) == [key]
    view.take(Noted(BeamKey, "bk", None))
    view.take(Noted(IngestToken, "it", None))
    assert (list(view.keys(BeamKey)), list(view.keys(IngestToken))) == ([], [])
    refusal(lambda: view.signers(signed("one"), MINE, NOW, 300), BeamRejected)
    refusal(lambda: view.token_account(MINE, "Bearer u"), CredentialsWrong)

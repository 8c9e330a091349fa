"""Shared keys of Beam and ingest tokens over REST (our own operations): listed, made and removed."""

from minori.api.answers import EMPTY
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.feeders import beam_key_members, ingest_token_members, parse_new_beam_key, parse_new_ingest_token
from minori.http.exchange import Answer, Call

BODY_BYTES = 4096
"""The largest body here (our choice)."""


async def list_beam_keys(services: Services, call: Call) -> Answer:
    """listBeamKeys: all of them, the oldest first, without the keys themselves."""
    return Answer(200, encode_json([beam_key_members(key) for key in services.feeders.view.beam_keys(call.account)]))


async def add_beam_key(services: Services, call: Call) -> Answer:
    """addBeamKey: one more, which is shown this once; those there are go on (rotation)."""
    wanted = parse_new_beam_key(await call.request.body(BODY_BYTES))
    made = await services.feeders.add_beam_key(call.account, wanted.beam_key, wanted.description)
    return Answer(201, encode_json(made))


async def remove_beam_key(services: Services, call: Call) -> Answer:
    """removeBeamKey: what it signs counts no more."""
    await services.feeders.remove_beam_key(call.account, call.request.params["beam_key_id"])
    return EMPTY


async def list_ingest_tokens(services: Services, call: Call) -> Answer:
    """listIngestTokens: all of them, the oldest first, without the tokens themselves."""
    tokens = services.feeders.view.ingest_tokens(call.account)
    return Answer(200, encode_json([ingest_token_members(token) for token in tokens]))


async def add_ingest_token(services: Services, call: Call) -> Answer:
    """addIngestToken: one more, which is shown this once."""
    wanted = parse_new_ingest_token(await call.request.body(BODY_BYTES))
    return Answer(201, encode_json(await services.feeders.add_ingest_token(call.account, wanted.description)))


async def remove_ingest_token(services: Services, call: Call) -> Answer:
    """removeIngestToken: whoever holds it sends nothing more."""
    await services.feeders.remove_ingest_token(call.account, call.request.params["ingest_token_id"])
    return EMPTY

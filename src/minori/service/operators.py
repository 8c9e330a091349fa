"""Operators and what a new one starts with."""

import secrets
import uuid
from collections.abc import Callable
from itertools import islice
from typing import Any, get_args

from msgspec import Struct

from minori.codec.login import canonical_email
from minori.errors import InvalidParameter, NotFound
from minori.model.account import Coverage, account_of, accounts_of
from minori.model.export import ExportedBytes, ExportJob
from minori.model.registry import AuthKey, Group, Operator, Record, Session, Sim
from minori.service.passwords import Passwords, random_text, sha256_hex
from minori.storage.base import Catalog, Change, Conflict, Insert, Remove

EMAIL_LENGTH = 254
"""The longest e-mail address, in characters."""

DEMO_GROUP = "demo"
DEMO_SIM_ID = "8981100000000000001"
DEMO_IMSI = "001010000000001"
DEMO_NETWORKS = ("127.0.0.0/8", "::1/128")
"""Where the demo SIM is (our choice)."""

_AT_ONCE = 1000  # records that are removed in one transaction
_PASSWORD_LENGTH, _KEY_ID_LENGTH, _KEY_LENGTH = 24, 32, 64


class Credentials(Struct, frozen=True, rename="camel"):
    """What a new operator's root user logs in with; the secrets are kept nowhere else."""

    operator_id: str
    email: str
    password: str
    auth_key_id: str
    auth_key: str

    def __repr__(self) -> str:
        """Without the secrets, for logs and tracebacks."""
        return f"Credentials({self.operator_id})"


async def create_operator(
    catalog: Catalog, email: str, clock: Callable[[], float], keep: Callable[[Credentials], object] = lambda _: None
) -> Credentials:
    """A new operator with a root user and one auth key; `clock` gives UNIX seconds.

    `keep` gets the credentials before the operator exists, so that a crash in between leaves no
    operator whom nobody can log in as.

    Raises `InvalidParameter` for what is no e-mail address or is one that another operator has.
    """
    email = canonical_email(email)
    name, _, domain = email.partition("@")
    if not name or not domain or len(email) > EMAIL_LENGTH or not email.isprintable() or " " in email:
        raise InvalidParameter("The e-mail address is not valid; write it as name@host")
    password = random_text(_PASSWORD_LENGTH)
    password_hash = await Passwords().hash(password)
    now = int(clock() * 1000)
    while not await catalog.find(Operator, {"email": email}, limit=1):
        operator_id = f"OP{secrets.randbelow(10**10):010}"
        key_id, key = f"keyId-{random_text(_KEY_ID_LENGTH)}", f"secret-{random_text(_KEY_LENGTH)}"
        credentials = Credentials(operator_id, email, password, key_id, key)
        keep(credentials)
        try:
            await catalog.apply(
                Insert(Operator(operator_id, email, password_hash, now)),
                Insert(AuthKey(key_id, operator_id, sha256_hex(key), now)),
            )
        except Conflict:
            continue
        return credentials
    raise InvalidParameter("Another operator has this e-mail address; choose another one")


async def find_operator(catalog: Catalog, name: str) -> Operator:
    """The operator with this id or e-mail address. Raises `NotFound`."""
    operator = await catalog.get(Operator, name)
    found = [operator] if operator else await catalog.find(Operator, {"email": canonical_email(name)}, limit=1)
    if not found:
        raise NotFound(f"No operator has the id or the e-mail address {name!r}; minori operator list shows all")
    return found[0]


async def remove_operator(catalog: Catalog, operator: Operator) -> None:
    """Remove an operator with its people and keys, its groups, devices, SIMs and their sessions.

    Data entries, files and exports stay, where nobody can reach them: files until they expire, exports for a day
    (our choice). The operator itself goes last, so that what was cut short can be begun again. Raises
    `InvalidParameter` for the last operator: the next start would make another one.
    """
    if len(await catalog.find(Operator, limit=2)) == 1:
        raise InvalidParameter("This is the only operator, and a server needs one; add another one first")
    accounts = accounts_of(operator.operator_id)
    sims = {sim.imsi for account in accounts for sim in await catalog.find(Sim, {"account": account})}
    changes: list[Change] = [Remove(session) for session in await catalog.find(Session) if session.imsi in sims]
    for kind in _owned("operator_id"):
        changes += [Remove(record) for record in await catalog.find(kind, {"operator_id": operator.operator_id})]
    for kind in _owned("account"):
        for account in accounts:
            changes += [Remove(record) for record in await catalog.find(kind, {"account": account})]
    left = iter([*changes, Remove(operator)])
    while some := tuple(islice(left, _AT_ONCE)):
        await catalog.apply(*some)


def _owned(by: str) -> list[Any]:
    """The classes of record that go with their operator, who is named in the field `by`."""
    kinds = [kind for kind in get_args(Record) if by in kind.__struct_fields__]
    return [kind for kind in kinds if kind not in (Operator, ExportJob, ExportedBytes)]


async def ensure_demo(catalog: Catalog, operator_id: str, clock: Callable[[], float]) -> None:
    """Add what is absent of the demo: a group with Harvest enabled, a SIM in it, its loopback sessions; in Japan.

    What is there is left as it is, whatever became of it.
    """
    now, account = int(clock() * 1000), account_of(operator_id, Coverage.JAPAN)
    additions: list[Change] = []
    groups = await catalog.find(Group, {"account": account})
    group = next((group for group in groups if group.tags.get("name") == DEMO_GROUP), None)
    if group is None:
        enabled = {"SoracomHarvest": {"enabled": True}, "SoracomHarvestFiles": {"enabled": True}}
        group = Group(str(uuid.uuid4()), account, {"name": DEMO_GROUP}, enabled, now, now)
        additions.append(Insert(group))
    if not await catalog.get(Sim, DEMO_SIM_ID) and not await catalog.find(Sim, {"imsi": DEMO_IMSI}):
        sim = Sim(DEMO_SIM_ID, DEMO_IMSI, account, group.group_id, "active", {}, now, now)
        additions.append(Insert(sim))
    absent = [network for network in DEMO_NETWORKS if await catalog.get(Session, network) is None]
    additions.extend(Insert(Session(network, DEMO_IMSI)) for network in absent)
    await catalog.apply(*additions)

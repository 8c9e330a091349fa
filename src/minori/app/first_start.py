"""What the first start on an empty data directory makes, and what `--demo` adds."""

import time
from functools import partial

from minori.codec.entry import encode_json
from minori.model.registry import Operator
from minori.service.operators import Credentials, create_operator, ensure_demo
from minori.storage.base import Catalog
from minori.storage.directory import DataDirectory

ROOT_EMAIL = "root@minori.invalid"
"""The e-mail of the first operator's root user; `.invalid` names nobody."""


async def first_start(catalog: Catalog, directory: DataDirectory, *, demo: bool) -> None:
    """Make an operator where there is none, and print and keep its credentials; with `demo`, make that."""
    operators = await catalog.find(Operator)
    if operators:
        # The demo is the first operator's, also when others have come.
        operator_id = min(operators, key=lambda operator: operator.created_time).operator_id
    else:
        credentials = await create_operator(catalog, ROOT_EMAIL, time.time, partial(_keep, directory))
        operator_id = credentials.operator_id
        print(encode_json(credentials).decode(), flush=True)
    if demo:
        await ensure_demo(catalog, operator_id, time.time)


def _keep(directory: DataDirectory, credentials: Credentials) -> None:
    """Write the credentials file. One that is there is of another catalog, or of a start cut short; it is set aside."""
    if directory.credentials.exists():
        directory.credentials.rename(directory.credentials.with_suffix(f".{time.time_ns()}.json"))
    directory.write_credentials(encode_json(credentials) + b"\n")

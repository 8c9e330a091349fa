"""Whose things a command is about: an operator by id or e-mail, and the coverage."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from minori.errors import InvalidParameter
from minori.model.account import Coverage, account_of
from minori.model.registry import Operator
from minori.service.operators import find_operator
from minori.storage.base import Catalog

Owner = tuple[str | None, Coverage]
"""An operator by id or e-mail, `None` for the only one, and the coverage."""


def of_an_account(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name an account, as its argument `owner`."""

    @click.option("--operator", "named", metavar="ID|EMAIL", help="Whose. Not needed where there is one operator.")
    @click.option(
        "--coverage",
        type=click.Choice([each.value for each in Coverage]),
        default=Coverage.JAPAN.value,
        show_default=True,
        help="In which coverage.",
    )
    @wraps(command)
    def with_owner(named: str | None, coverage: str, **others: Any) -> Any:
        return command(owner=(named, Coverage(coverage)), **others)

    return with_owner


async def account_named(catalog: Catalog, named: str | None, coverage: Coverage) -> str:
    """The account of the operator with this id or e-mail, or of the only one.

    Raises `NotFound`, and `InvalidParameter` where there are several.
    """
    if named is not None:
        return account_of((await find_operator(catalog, named)).operator_id, coverage)
    operators = await catalog.find(Operator, limit=2)
    if len(operators) != 1:
        raise InvalidParameter("There are several operators, or none; say which one with --operator")
    return account_of(operators[0].operator_id, coverage)

"""Accounts: an operator in one coverage."""

import pytest

from minori.model.account import Coverage, account_of, accounts_of, coverage_of_host, operator_of

OPERATOR = "OP0000000001"


@pytest.mark.parametrize(
    ("host", "coverage"),
    [
        ("g.api.soracom.io", Coverage.GLOBAL),
        ("G.API.soracom.io:8080", Coverage.GLOBAL),
        ("g.minori.example", Coverage.GLOBAL),
        ("api.soracom.io", Coverage.JAPAN),
        ("127.0.0.1:8080", Coverage.JAPAN),
        ("gg.example", Coverage.JAPAN),
        ("g", Coverage.JAPAN),
        ("api.g.example", Coverage.JAPAN),
        (None, Coverage.JAPAN),
    ],
)
def test_the_first_label_of_the_host_tells_the_coverage(host: str | None, coverage: Coverage) -> None:
    assert coverage_of_host(host) is coverage


def test_an_account_is_the_operator_id_in_japan_and_another_name_in_global() -> None:
    assert account_of(OPERATOR, Coverage.JAPAN) == OPERATOR
    assert account_of(OPERATOR, Coverage.GLOBAL) == "OP0000000001-g"


def test_the_operator_of_each_of_its_accounts_is_told() -> None:
    assert [operator_of(account) for account in accounts_of(OPERATOR)] == [OPERATOR, OPERATOR]

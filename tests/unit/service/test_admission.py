"""How many connections are admitted."""

import pytest

from minori.service.admission import Admission


def test_no_more_than_the_total_are_admitted() -> None:
    admission = Admission(2, 2)
    assert [admission.admit(f"192.0.2.{last}") for last in (1, 2, 3)] == [True, True, False]
    assert admission.full


def test_no_more_than_its_share_is_admitted_from_one_address() -> None:
    admission = Admission(10, 2)
    assert [admission.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert admission.admit("192.0.2.2")
    assert not admission.full


def test_who_leaves_makes_room() -> None:
    admission = Admission(1, 1)
    admission.admit("192.0.2.1")
    admission.leave("192.0.2.1")
    assert admission.admit("192.0.2.2")


def test_who_was_refused_takes_no_room() -> None:
    admission = Admission(10, 1)
    admission.admit("192.0.2.1")
    admission.admit("192.0.2.1")
    admission.leave("192.0.2.1")
    assert admission.open == 0


def test_an_address_is_forgotten_with_its_last_connection() -> None:
    admission = Admission(10, 10)
    admission.admit("192.0.2.1")
    admission.leave("192.0.2.1")
    with pytest.raises(KeyError):
        admission.leave("192.0.2.1")

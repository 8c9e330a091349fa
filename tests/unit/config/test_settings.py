"""The reference of settings: every setting has its help, and its default obeys its own bounds."""

import pytest

from minori.app.stores import AUDIT_LOGS, BLOB_STORES, CATALOGS, ENTRY_STORES
from minori.config.check import check
from minori.config.settings import BY_KEY, REFERENCE, Setting, Settings, Stores

KEYS = [setting.key for setting in REFERENCE]


@pytest.mark.parametrize("setting", REFERENCE, ids=KEYS)
def test_a_default_is_one_of_the_values_that_are_allowed(setting: Setting) -> None:
    assert check(setting, setting.default) == setting.default


@pytest.mark.parametrize("setting", REFERENCE, ids=KEYS)
def test_a_setting_is_explained_in_sentences(setting: Setting) -> None:
    assert setting.explanation[0].isupper()
    assert setting.explanation.endswith(".")


@pytest.mark.parametrize("setting", [one for one in REFERENCE if one.kind is int], ids=lambda one: one.key)
def test_a_number_has_a_unit_and_bounds(setting: Setting) -> None:
    assert setting.unit
    assert setting.low is not None
    assert setting.high is not None


def test_no_two_settings_share_a_variable() -> None:
    assert len({setting.variable for setting in REFERENCE}) == len(REFERENCE)


def test_nothing_listens_beyond_this_machine_by_default() -> None:
    listeners = [setting for setting in REFERENCE if setting.form == "HOST:PORT"]
    assert len(listeners) == 4
    assert all(str(setting.default).startswith("127.0.0.1:") for setting in listeners)


def test_the_longest_token_is_the_one_harvest_allows() -> None:
    assert next(setting.high for setting in REFERENCE if setting.key == "auth.token_seconds") == 172_800


def test_the_stores_come_taken_apart() -> None:
    stores = Stores(entries="rocksdb:///srv/entries")
    assert (stores.entries_address.scheme, stores.entries_address.path) == ("rocksdb", "/srv/entries")
    assert (stores.catalog_address.scheme, stores.catalog_address.path) == ("sqlite", None)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().demo = True  # type: ignore[misc]  # refused, which is the fact


def test_the_schemes_that_are_allowed_are_those_that_have_a_driver() -> None:
    assert set(BY_KEY["stores.entries"].schemes) == set(ENTRY_STORES)
    assert set(BY_KEY["stores.catalog"].schemes) == set(CATALOGS)
    assert set(BY_KEY["stores.blobs"].schemes) == set(BLOB_STORES)
    assert set(BY_KEY["stores.audit"].schemes) == set(AUDIT_LOGS)

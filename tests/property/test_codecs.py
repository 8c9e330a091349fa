"""Codecs over all values: nothing is lost, nothing raises, order is kept."""

import json
import re
from base64 import b64decode
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minori.codec import paging
from minori.codec.content import JSON, classify
from minori.codec.entry import decode_row, encode_row, join_mixed, join_page, row_time
from minori.codec.filepath import check_path, parse_path, quote_path
from minori.codec.timestamps import parse_milliseconds
from minori.errors import InvalidPath, InvalidTimestamp
from minori.model.entry import MAX_TIME, CategoryKey, DataEntry
from minori.model.file import DEPTH, PATH_BYTES
from minori.model.resource import ATTRIBUTE_NAMES, Resource, ResourceType
from minori.storage.rocksdb import keys

PLANT = Resource("OP1", ResourceType.DEVICE, "d-1")

# No name contains NUL; half a surrogate pair is no text that UTF-8 could carry.
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
close_names = st.text(st.sampled_from("\x01a~é\U0001f33e"), min_size=1, max_size=3)
texts = st.text(st.characters(codec="utf-8"))
times = st.integers(0, MAX_TIME)
close_times = st.sampled_from((0, 1, 255, 256, 2**32, MAX_TIME - 1, MAX_TIME))
types = st.sampled_from(ResourceType)
resources = st.builds(Resource, close_names, types, close_names)
entries = st.builds(DataEntry, st.builds(Resource, names, types, names), times, texts, texts, st.none() | texts)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
json_bodies = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode(),
    json_values,
    st.booleans(),
    st.none() | st.integers(0, 2),
)
bodies = st.one_of(st.binary(), texts.map(str.encode), json_bodies)
KNOWN_TYPES = (
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/senml+json",
    "text/plain",
    "text/csv;header=absent",
    "application/x-www-form-urlencoded",
    "application.json",
    "application/octet-stream",
    "image/jpeg",
    "",
    ";",
    "text/",
)
declared = st.one_of(st.none(), st.sampled_from(KNOWN_TYPES), st.text(st.characters(max_codepoint=255)))


@given(entries)
def test_a_row_gives_its_entry_back(entry: DataEntry) -> None:
    assert decode_row(entry.resource, encode_row(entry)) == entry


@given(entries)
def test_the_time_of_a_row_is_read_without_parsing_it(entry: DataEntry) -> None:
    assert row_time(encode_row(entry)) == entry.time


@given(entries)
def test_a_row_is_never_empty_and_has_no_control_character(entry: DataEntry) -> None:
    assert min(encode_row(entry)) >= ord(" ")


@given(st.lists(entries, max_size=4))
def test_a_joined_page_is_the_json_of_its_entries(found: list[DataEntry]) -> None:
    shown = json.loads(join_mixed([(entry.resource, encode_row(entry)) for entry in found]))
    assert shown == [_shown(entry.resource, entry) for entry in found]


@given(st.lists(entries, max_size=4), st.builds(Resource, names, types, names))
def test_a_joined_page_of_one_resource_bears_its_name(found: list[DataEntry], resource: Resource) -> None:
    shown = json.loads(join_page(resource, [encode_row(entry) for entry in found]))
    assert shown == [_shown(resource, entry) for entry in found]


@given(bodies, declared)
@example(b"[" * 5_000 + b"]" * 5_000, JSON)
@example(b"[" * 5_000, JSON)
@example(b"1" * 5_000, JSON)
@example(b"1e999", JSON)
@example(b"NaN", JSON)
@example(b'"\\ud800"', JSON)
@example(b"\xef\xbb\xbf{}", JSON)
@example(b'{"a":1,"a":2}', JSON)
@example(b"{}\0", JSON)
def test_any_bytes_under_any_type_become_a_content_that_clients_can_read(body: bytes, content_type: str | None) -> None:
    content = classify(body, content_type)
    assert content.content_type
    assert ";" not in content.content_type
    if content.content_type == JSON:
        value = json.loads(content.text, parse_constant=pytest.fail)
        assert content.text.encode() == body or b64decode(value["payload"], validate=True) == body
        assert content.attribute_names == (tuple(value)[:ATTRIBUTE_NAMES] if isinstance(value, dict) else ())
    else:
        assert content.content_type.startswith("text/")
        assert content.text.encode() == body
        assert content.attribute_names == ()


@given(json_bodies)
def test_declared_json_that_parses_is_kept_as_json(body: bytes) -> None:
    content = classify(body, JSON)
    assert (content.text.encode(), content.content_type) == (body, JSON)


@given(texts.filter(bool), st.sampled_from(("text/plain", "text/csv; a=b")))
def test_declared_text_is_kept_as_text(text: str, content_type: str) -> None:
    content = classify(text.encode(), content_type)
    assert (content.text, content.content_type) == (text, content_type.partition(";")[0])


@given(times)
def test_every_time_can_be_said_in_digits(time: int) -> None:
    assert parse_milliseconds(f" {time}\t") == time


@given(st.text() | st.from_regex(r"[-+ ]?[0-9_.e]{1,24}\n?", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        time = parse_milliseconds(text)
    except InvalidTimestamp:
        return
    assert 0 <= time <= MAX_TIME
    assert int(text) == time
    assert text.strip(" \t").isascii()
    assert text.strip(" \t").isdigit()


@given(st.lists(st.tuples(resources, close_times), min_size=2))
def test_keys_of_entries_are_ordered_by_operator_type_id_and_time(found: list[tuple[Resource, int]]) -> None:
    def meant(place: tuple[Resource, int]) -> tuple[bytes, bytes, bytes, int]:
        resource, time = place
        return resource.account.encode(), resource.type.encode(), resource.id.encode(), time

    def stored(place: tuple[Resource, int]) -> bytes:
        resource, time = place
        return keys.entry_prefix(resource) + keys.pack_time(time)

    assert sorted(found, key=stored) == sorted(found, key=meant)


@given(st.lists(resources, min_size=2, unique=True), close_times)
def test_the_rows_of_a_resource_lie_between_its_own_fences_alone(found: list[Resource], time: int) -> None:
    for resource in found:
        first = keys.entry_prefix(resource)
        last = keys.last_fence(first)
        inside = [other for other in found if first < keys.entry_prefix(other) + keys.pack_time(time) < last]
        assert inside == [resource]
        assert all(not first < keys.entry_prefix(other) < last for other in found)
        assert last < keys.END


@given(st.lists(st.builds(CategoryKey, close_times, types, close_names), min_size=2))
def test_keys_of_a_category_are_ordered_by_time_type_and_id(found: list[CategoryKey]) -> None:
    prefix = keys.category_prefix("OP1", "plant")
    stored = sorted(found, key=lambda place: keys.category_key(prefix, place))
    assert stored == sorted(found, key=CategoryKey.order)


@given(st.builds(CategoryKey, times, types, names), names, names)
def test_the_key_of_a_category_gives_its_place_back(place: CategoryKey, operator_id: str, category: str) -> None:
    prefix = keys.category_prefix(operator_id, category)
    assert keys.parse_category_key(prefix, keys.category_key(prefix, place)) == place


@given(st.lists(resources, min_size=2))
def test_keys_of_metadata_are_ordered_by_operator_type_and_id(found: list[Resource]) -> None:
    meant = sorted(found, key=lambda r: (r.account.encode(), r.type.encode(), r.id.encode()))
    assert sorted(found, key=keys.metadata_key) == meant


@given(st.builds(Resource, names, types, names))
def test_the_key_of_metadata_gives_its_resource_back(resource: Resource) -> None:
    key = keys.metadata_key(resource)
    assert keys.parse_metadata_key(resource.account, key) == resource
    assert keys.names_key(key) != key


def test_every_type_has_a_code_in_the_order_of_the_names() -> None:
    assert sorted(keys.CODES, key=str.encode) == sorted(keys.CODES, key=lambda kind: keys.CODES[kind])
    assert set(keys.CODES) == set(ResourceType)


def _shown(resource: Resource, entry: DataEntry) -> dict[str, object]:
    shown: dict[str, object] = {
        "resourceType": resource.type.value,
        "resourceId": resource.id,
        "time": entry.time,
        "contentType": entry.content_type,
        "content": entry.content,
    }
    return shown if entry.category is None else {**shown, "category": entry.category}


@given(times, names)
def test_a_next_key_of_entries_leads_back_to_its_time(time: int, resource_id: str) -> None:
    assert paging.parse_entry_key(paging.entry_key(time, resource_id)) == time


@given(times, types, names)
def test_a_next_key_of_a_category_leads_back_to_its_place(time: int, kind: ResourceType, resource_id: str) -> None:
    place = CategoryKey(time, kind, resource_id)
    assert paging.parse_category_key(paging.category_key(place)) == place


@given(types, names)
def test_a_next_key_of_resources_leads_back_to_its_resource(kind: ResourceType, resource_id: str) -> None:
    assert paging.parse_resource_key(paging.resource_key(kind, resource_id), None) == (kind, resource_id)


@given(times, types, names)
def test_next_keys_are_made_of_plain_characters(time: int, kind: ResourceType, resource_id: str) -> None:
    keys = (paging.entry_key(time, resource_id), paging.category_key(CategoryKey(time, kind, resource_id)))
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]+", key) for key in keys)


@given(st.text(st.characters(max_codepoint=255)) | texts.map(lambda text: quote_path(text).replace("%2F", "/")))
@example("%2e%2e%2f%2e%2e")
@example("%c0%ae%c0%ae/")
@example("a/%2e")
def test_a_path_is_refused_or_has_one_harmless_spelling(raw: str) -> None:
    try:
        path = parse_path(raw)
    except InvalidPath:
        return
    assert path.startswith("/")
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert "Cc" not in {category(letter) for letter in path}
    assert len(path.encode()) <= PATH_BYTES
    assert path.count("/") - 1 <= DEPTH
    assert check_path(path) == path == parse_path(quote_path(path))


@given(texts)
@example("~~")
@example("~~YQ")
@example("a.txt")
@example("/a b/")
def test_a_key_of_files_is_safe_and_leads_back_to_its_name(name: str) -> None:
    key = paging.file_key(name)
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", key)
    assert paging.parse_file_key(key) == name


@given(texts)
@example("~~YQ==")
@example("~~\xff")
@example("~~w6Q")
def test_any_text_is_a_key_of_files(text: str) -> None:
    place = paging.parse_file_key(text)
    assert place == text or paging.file_key(place) == text

"""Groups with the public Python client `soracom-api`, whose types are strict, against a running server."""

import json
from typing import Any
from uuid import uuid4

import pytest
from soracom_api.apis import GroupApi, SimApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.exceptions import ApiException, ApiTypeError, NotFoundException  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the client brings no types
    CreateGroupRequest,
    CreateSimRequest,
    GroupConfigurationUpdateRequest,
    SetGroupRequest,
    TagSet,
    TagUpdateRequest,
)

from serving import Server
from wire.calling import client_of, pages

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")

HARVEST = "SoracomHarvest"


@pytest.fixture
def api(server: Server, headers: dict[str, str]) -> Any:
    return GroupApi(client_of(server, headers))


@pytest.fixture
def group(api: Any) -> str:
    group_id: str = api.create_group(CreateGroupRequest(tags=TagSet(name="yard"))).group_id
    return group_id


def option(key: str, value: Any) -> Any:
    """An option. The client sends texts alone unless it is told not to look."""
    return GroupConfigurationUpdateRequest(key=key, value=value, _check_type=False)


def test_it_makes_a_group_and_reads_it(api: Any) -> None:
    made = api.create_group(CreateGroupRequest(tags=TagSet(name="läge", site="Kyōto 3")))
    assert (made.tags["name"], made.tags["site"]) == ("läge", "Kyōto 3")
    assert made.created_time == made.last_modified_time > 1_600_000_000_000
    assert api.get_group(made.group_id) == made


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_it_pages_through_groups_of_a_tag_to_the_last_page(api: Any, limit: int) -> None:
    mark = uuid4().hex
    made = [api.create_group(CreateGroupRequest(tags=TagSet(mark=mark))).group_id for _ in range(4)]
    query = {"tag_name": "mark", "tag_value": mark[:20], "tag_value_match_mode": "prefix", "limit": limit}
    found = list(pages(api.list_groups, **query))
    assert [one.group_id for page in found for one in page] == sorted(made)
    assert [len(page) for page in found] == [limit] * (4 // limit) or limit == 100


def test_it_pages_through_all_groups(api: Any, group: str) -> None:
    seen = [one.group_id for page in pages(api.list_groups, limit=3) for one in page]
    assert seen == sorted(set(seen))
    assert group in seen


def test_it_reads_options_of_any_type(api: Any, group: str) -> None:
    wanted = {"url": {"enabled": True, "ports": [1, 2.5], "nothing": None}, "flag": False, "none": None, "text": "x"}
    options = [option(key, value) for key, value in wanted.items()]
    put = api.put_configuration_parameters(group, "SoracomBeam", options)
    assert put.configuration == api.get_group(group).configuration == {"SoracomBeam": wanted}


def test_it_sends_texts_alone_and_a_text_is_no_switch(api: Any, group: str) -> None:
    """A quirk of the client: its definition knows no value of an option but a text."""
    with pytest.raises(ApiTypeError):
        GroupConfigurationUpdateRequest(key="enabled", value=True)
    with pytest.raises(ApiException, match="enabled of SoracomHarvest must be true or false"):
        api.put_configuration_parameters(group, HARVEST, [GroupConfigurationUpdateRequest(key="enabled", value="true")])
    put = api.put_configuration_parameters(group, HARVEST, [option("enabled", True), option("category", "plant")])
    assert put.configuration == {HARVEST: {"enabled": True, "category": "plant"}}


def test_it_merges_options_and_removes_them_one_by_one(api: Any, group: str) -> None:
    url = "inHttp://beam.soracom.io:8888/"
    api.put_configuration_parameters(group, "SoracomBeam", [option(url, "one"), option("kept", "as it is")])
    put = api.put_configuration_parameters(group, "SoracomBeam", [option(url, "two")])
    assert put.configuration == {"SoracomBeam": {url: "two", "kept": "as it is"}}
    assert api.delete_configuration_parameter(group, "SoracomBeam", url) is None
    with pytest.raises(NotFoundException):
        api.delete_configuration_parameter(group, "SoracomBeam", url)
    assert api.get_group(group).configuration == {"SoracomBeam": {"kept": "as it is"}}
    assert api.delete_configuration_namespace(group, "SoracomBeam") is None
    with pytest.raises(ApiException) as refused:
        api.delete_configuration_namespace(group, "SoracomBeam")
    assert (refused.value.status, api.get_group(group).configuration) == (400, {})


def test_it_puts_tags_and_removes_them(api: Any, group: str) -> None:
    tags = [TagUpdateRequest(tag_name="a/b c", tag_value=""), TagUpdateRequest(tag_name="name", tag_value="shed")]
    # The client takes the answer for a subscriber, whose tags have the same name.
    assert api.put_group_tags(group, tags).tags.to_dict() == {"name": "shed", "a/b c": ""}
    assert api.delete_group_tag(group, "a/b c") is None
    with pytest.raises(NotFoundException):
        api.delete_group_tag(group, "a/b c")
    assert api.get_group(group).tags.to_dict() == {"name": "shed"}


def test_it_deletes_a_group_once(api: Any, group: str) -> None:
    assert api.delete_group(group) is None
    for call in (api.delete_group, api.get_group, api.list_subscribers_in_group):
        with pytest.raises(NotFoundException):
            call(group)


def test_it_lists_the_subscribers_of_a_group_to_the_last_page(api: Any, group: str) -> None:
    sims = SimApi(api.api_client)
    made = [sims.create_sim(CreateSimRequest(type="virtual", subscription="planArc01")) for _ in range(3)]
    for sim in made:
        assert sims.set_sim_group(sim.sim_id, SetGroupRequest(group_id=group)).group_id == group
    # A quirk of the client: it takes this list for one group, so the bytes are read.
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = api.list_subscribers_in_group(group, _preload_content=False, **query)
        seen += [one["imsi"] for one in json.loads(answer.data)]
        key = answer.headers.get("x-soracom-next-key")
        if key is None:
            break
        query["last_evaluated_key"] = key
    assert seen == sorted(sim.imsi for sim in made)

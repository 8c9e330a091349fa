"""SIMs with the public Python client `soracom-api`, as it comes from the package index, against a running server."""

from collections.abc import Iterator
from typing import Any

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import QueryApi, SimApi, SubscriberApi  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.exceptions import ApiException, NotFoundException  # type: ignore[import-untyped]  # the package ships no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the package ships no types
    CreateSimRequest,
    RegisterSimRequest,
    RegisterSubscribersRequest,
    SetGroupRequest,
    TagUpdateRequest,
)

from serving import Server

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")

SIMS = 7
REGISTERED = "001019999999999"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The client, logged in, at a demo server of its own."""
    with Server(tmp_path_factory.mktemp("sims") / "data") as server:
        pair = server.login()
        keys = {"api_key": pair["X-Soracom-API-Key"], "api_token": pair["X-Soracom-Token"]}
        with ApiClient(Configuration(host=f"{server.url}/v1", api_key=keys)) as api:
            yield api


@pytest.fixture(scope="module")
def sims(client: Any) -> list[Any]:
    """Virtual SIMs that the client has made and named."""
    made = [SimApi(client).create_sim(CreateSimRequest(type="virtual", subscription="planArc01")) for _ in range(SIMS)]
    for number, sim in enumerate(made):
        tags = [
            TagUpdateRequest(tag_name="name", tag_value=f"Pump {number}"),
            TagUpdateRequest(tag_name="site", tag_value="east" if number % 2 else "west"),
        ]
        assert SimApi(client).put_sim_tags(sim.sim_id, tags).tags["name"] == f"Pump {number}"
    return made


def pages(call: Any, **query: Any) -> Iterator[list[Any]]:
    """The pages of a list, by the next-key header."""
    while True:
        page, status, headers = call(_return_http_data_only=False, **query)
        assert status == 200
        yield page
        key = {name.lower(): value for name, value in headers.items()}.get("x-soracom-next-key")
        if key is None:
            return
        query["last_evaluated_key"] = key


def test_it_makes_virtual_sims_of_ranges_that_no_real_sim_has(sims: list[Any]) -> None:
    assert all(sim.imsi.startswith("00101") and len(sim.imsi) == 15 for sim in sims)
    assert all(sim.sim_id.startswith("8900101") and len(sim.sim_id) == 19 for sim in sims)
    assert len({sim.sim_id for sim in sims} | {sim.imsi for sim in sims}) == 2 * SIMS
    assert {(sim.type, sim.status, sim.get("group_id")) for sim in sims} == {("virtual", "active", None)}


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_it_pages_through_sims_and_subscribers(client: Any, sims: list[Any], limit: int) -> None:
    by_id = [sim.sim_id for page in pages(SimApi(client).list_sims, limit=limit) for sim in page]
    by_imsi = [each.imsi for page in pages(SubscriberApi(client).list_subscribers, limit=limit) for each in page]
    assert by_id == sorted(by_id)
    assert by_imsi == sorted(by_imsi)
    assert {sim.sim_id for sim in sims} <= set(by_id)
    assert {sim.imsi for sim in sims} <= set(by_imsi)
    assert len(by_id) == len(set(by_id)) == len(by_imsi)


def test_one_sim_is_seen_by_both_of_its_names(client: Any, sims: list[Any]) -> None:
    sim, subscriber = SimApi(client).get_sim(sims[0].sim_id), SubscriberApi(client).get_subscriber(sims[0].imsi)
    assert (sim.imsi, sim.profiles[sim.sim_id].primary_imsi) == (subscriber.imsi, subscriber.imsi)
    assert (subscriber.sim_id, subscriber.iccid) == (sim.sim_id, sim.sim_id)
    assert (sim.created_time, sim.last_modified_time) == (subscriber.created_at, subscriber.last_modified_at)


def test_it_lists_by_tag_with_pages_of_any_size(client: Any, sims: list[Any]) -> None:
    query = {"tag_name": "site", "tag_value": "ea", "tag_value_match_mode": "prefix", "limit": 2}
    found = [each.imsi for page in pages(SubscriberApi(client).list_subscribers, **query) for each in page]
    assert found == sorted(sim.imsi for number, sim in enumerate(sims) if number % 2)


def test_it_searches_sims(client: Any, sims: list[Any]) -> None:
    (found,) = QueryApi(client).search_sims(name=["pump 3"])
    assert found.sim_id == sims[3].sim_id
    either = QueryApi(client).search_sims(name=["PUMP 1"], imsi=[sims[2].imsi], search_type="or")
    assert {sim.sim_id for sim in either} == {sims[1].sim_id, sims[2].sim_id}
    assert [each.imsi for each in QueryApi(client).search_subscribers(name=["pump 1", "pump 2"], limit=100)] == sorted(
        [sims[1].imsi, sims[2].imsi]
    )
    assert QueryApi(client).search_sims(name=["pump 1"], imsi=[sims[2].imsi]) == []


def test_it_puts_a_sim_into_a_group_and_takes_it_out(client: Any, sims: list[Any]) -> None:
    demo = SubscriberApi(client).get_subscriber("001010000000001").group_id
    request = SetGroupRequest(group_id=demo)
    assert SimApi(client).set_sim_group(sims[0].sim_id, request).group_id == demo
    assert SubscriberApi(client).get_subscriber(sims[0].imsi).group_id == demo
    assert "group_id" not in SubscriberApi(client).unset_group(sims[0].imsi).to_dict()
    with pytest.raises(NotFoundException):
        SimApi(client).unset_sim_group(sims[0].sim_id)
    with pytest.raises(NotFoundException):
        SubscriberApi(client).set_group(sims[0].imsi, SetGroupRequest(group_id="no-such-group"))


def test_it_removes_a_tag_once(client: Any, sims: list[Any]) -> None:
    assert SubscriberApi(client).delete_subscriber_tag(sims[5].imsi, "site") is None
    assert SimApi(client).get_sim(sims[5].sim_id).tags.to_dict() == {"name": "Pump 5"}
    with pytest.raises(NotFoundException):
        SimApi(client).delete_sim_tag(sims[5].sim_id, "site")


def test_it_terminates_a_sim_once_that_is_enabled_and_for_ever(client: Any, sims: list[Any]) -> None:
    subscribers, imsi = SubscriberApi(client), sims[6].imsi
    with pytest.raises(ApiException) as refused:
        subscribers.terminate_subscriber(imsi)
    assert refused.value.status == 400
    assert subscribers.enable_termination(imsi).termination_enabled is True
    assert SimApi(client).terminate_sim(sims[6].sim_id).status == "terminated"
    with pytest.raises(ApiException) as ended:
        subscribers.activate_subscriber(imsi)
    assert ended.value.status == 400
    assert [each.imsi for each in subscribers.list_subscribers(status_filter="terminated|suspended")] == [imsi]


def test_it_registers_a_sim_of_its_own_once(client: Any) -> None:
    request = RegisterSubscribersRequest(
        registration_secret="12345", tags=[TagUpdateRequest(tag_name="name", tag_value="own")]
    )
    subscriber, status, _ = SubscriberApi(client).register_subscriber(REGISTERED, request, _return_http_data_only=False)
    assert (status, subscriber.imsi, subscriber.tags["name"]) == (201, REGISTERED, "own")
    with pytest.raises(ApiException) as again:
        SubscriberApi(client).register_subscriber(REGISTERED, request)
    assert again.value.status == 400


def test_it_registers_a_sim_by_its_sim_id_into_a_group_once(client: Any) -> None:
    group_id = SubscriberApi(client).get_subscriber("001010000000001").group_id
    tags = [TagUpdateRequest(tag_name="name", tag_value="own")]
    request = RegisterSimRequest(registration_secret="12345", group_id=group_id, tags=tags)
    sim = SimApi(client).register_sim("8981100000000099999", request)
    assert (sim.sim_id, sim.type, sim.group_id, sim.tags["name"]) == ("8981100000000099999", "uicc", group_id, "own")
    with pytest.raises(ApiException) as again:
        SimApi(client).register_sim("8981100000000099999", request)
    assert again.value.status == 400


def test_it_switches_a_sim_by_both_of_its_names(client: Any, sims: list[Any]) -> None:
    sim, by_id, by_imsi = sims[4], SimApi(client), SubscriberApi(client)
    for call, status in (
        (by_id.deactivate_sim, "inactive"),
        (by_id.set_sim_to_standby, "standby"),
        (by_id.suspend_sim, "suspended"),
        (by_id.activate_sim, "active"),
    ):
        assert call(sim.sim_id).status == by_imsi.get_subscriber(sim.imsi).status == status
    for call, status in (
        (by_imsi.deactivate_subscriber, "inactive"),
        (by_imsi.set_subscriber_to_standby, "standby"),
        (by_imsi.suspend_subscriber, "suspended"),
        (by_imsi.activate_subscriber, "active"),
    ):
        assert call(sim.imsi).status == by_id.get_sim(sim.sim_id).status == status
    assert by_id.enable_sim_termination(sim.sim_id).termination_enabled is True
    assert by_imsi.disable_termination(sim.imsi).termination_enabled is False

"""A SIM as JSON, seen by its SIM id or as its subscriber (documented). Members without a value are left out."""

from typing import Any

from minori.model.account import operator_of
from minori.model.registry import SENDING, Sim


def sim_members(sim: Sim) -> dict[str, Any]:
    """The SIM, whose one profile has one subscriber."""
    subscriber = _without_nulls({"imsi": sim.imsi, "status": sim.status, "subscription": sim.subscription})
    profile = {"iccid": sim.sim_id, "primaryImsi": sim.imsi, "subscribers": {sim.imsi: subscriber}}
    return _shared(sim) | {
        "type": sim.type,
        "activeProfileId": sim.sim_id,
        "profiles": {sim.sim_id: profile},
    }


def subscriber_members(sim: Sim) -> dict[str, Any]:
    """The subscriber. Its `type` is the speed class (seen in the wild)."""
    seen = {"iccid": sim.sim_id, "type": sim.speed_class, "subscription": sim.subscription}
    return _shared(sim) | _without_nulls(seen)


def _shared(sim: Sim) -> dict[str, Any]:
    """Times have both of their names, as clients read one or the other (documented; seen in the wild)."""
    return {
        "imsi": sim.imsi,
        "simId": sim.sim_id,
        "operatorId": operator_of(sim.account),
        **_without_nulls({"groupId": sim.group_id, "speedClass": sim.speed_class, "serialNumber": sim.serial_number}),
        "status": sim.status,
        "tags": sim.tags,
        "sessionStatus": {"online": sim.status in SENDING},
        "terminationEnabled": sim.termination_enabled,
        "createdAt": sim.created_time,
        "createdTime": sim.created_time,
        "lastModifiedAt": sim.last_modified_time,
        "lastModifiedTime": sim.last_modified_time,
    }


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

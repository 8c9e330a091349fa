"""Every operation under `/v1`: method, path and handler, in one literal table.

A raw path is split at its slashes before anything is decoded, so `%2F` is an ordinary character of a
parameter (our choice). Fixed words come before parameters (R7). What answers GET answers HEAD too.
The path of a file is the rest of the path, and there `%2F` is a slash (R4).
"""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from minori.api import (
    audit,
    auth,
    data,
    devices,
    exports,
    feeders,
    files,
    groups,
    logs,
    operators,
    parameters,
    parser,
    publish,
    roles,
    sessions,
    sims,
    statistics,
    subscribers,
    users,
)
from minori.api.devices import CAMERA, INVENTORY, LORA, SIGFOX
from minori.api.operation import AnyRoute, OpenRoute, ReadRoute, Route
from minori.api.sims import SIM
from minori.api.subscribers import SUBSCRIBER
from minori.codec.filepath import parse_path
from minori.errors import MethodNotAllowed, NotFound

OPERATOR = "/operators/{operator_id}"
USER = "/operators/{operator_id}/users/{user_name}"
DEFAULTS = "/operators/{operator_id}/users/default_permissions"
ROLE = "/operators/{operator_id}/roles/{role_id}"

FILE = "/files/{scope}/{path}"
DIRECTORY = "/files/{scope}/{path}/"
"""Templates whose `path` has any number of segments; a slash at its end tells them apart (R6)."""

GROUP = "/groups/{group_id}"
NAMESPACE = f"{GROUP}/configuration/{{namespace}}"
SESSION = "/minori/sessions/{network}"

ROUTES: tuple[AnyRoute, ...] = (
    OpenRoute("POST", "/auth", "Auth:auth", auth.auth),
    Route("POST", "/auth/logout", "Auth:logout", auth.logout),
    Route("POST", "/auth/switch_user", "Auth:switchUser", auth.switch_user),
    OpenRoute("POST", "/operators/{operator_id}/token", "Operator:generateAuthToken", auth.generate_auth_token),
    OpenRoute(
        "POST", "/auth/password_reset_token/issue", "Auth:issuePasswordResetToken", auth.issue_password_reset_token
    ),
    OpenRoute(
        "POST", "/auth/password_reset_token/verify", "Auth:verifyPasswordResetToken", auth.verify_password_reset_token
    ),
    Route("GET", OPERATOR, "Operator:getOperator", operators.get_operator),
    Route("POST", f"{OPERATOR}/password", "Operator:updateOperatorPassword", operators.update_operator_password),
    Route("GET", f"{OPERATOR}/auth_keys", "Operator:listOperatorAuthKeys", operators.list_operator_auth_keys),
    Route("POST", f"{OPERATOR}/auth_keys", "Operator:generateOperatorAuthKey", operators.generate_operator_auth_key),
    Route(
        "DELETE",
        f"{OPERATOR}/auth_keys/{{auth_key_id}}",
        "Operator:deleteOperatorAuthKey",
        operators.delete_operator_auth_key,
    ),
    Route("DELETE", f"{OPERATOR}/tokens", "Operator:revokeOperatorAuthTokens", operators.revoke_operator_auth_tokens),
    Route("GET", f"{OPERATOR}/mfa", "Operator:getMFAStatus", operators.get_mfa_status),
    Route("POST", f"{OPERATOR}/mfa", "Operator:enableMFA", operators.enable_mfa),
    Route("DELETE", f"{OPERATOR}/mfa", "Operator:revokeMFA", operators.revoke_mfa),
    Route("POST", f"{OPERATOR}/mfa/verify", "Operator:verifyMFA", operators.verify_mfa),
    OpenRoute(
        "POST", "/operators/mfa_revoke_token/issue", "Operator:issueMFARevokingToken", auth.issue_mfa_revoking_token
    ),
    OpenRoute(
        "POST", "/operators/mfa_revoke_token/verify", "Operator:verifyMFARevokingToken", auth.verify_mfa_revoking_token
    ),
    Route("GET", f"{OPERATOR}/users", "User:listUsers", users.list_users),
    Route("GET", DEFAULTS, "User:getDefaultPermissions", users.get_default_permissions),
    Route("PUT", DEFAULTS, "User:updateDefaultPermissions", users.update_default_permissions),
    Route("DELETE", DEFAULTS, "User:deleteDefaultPermissions", users.delete_default_permissions),
    Route("GET", USER, "User:getUser", users.get_user),
    Route("POST", USER, "User:createUser", users.create_user),
    Route("PUT", USER, "User:updateUser", users.update_user),
    Route("DELETE", USER, "User:deleteUser", users.delete_user),
    Route("GET", f"{USER}/auth_keys", "User:listUserAuthKeys", users.list_user_auth_keys),
    Route("POST", f"{USER}/auth_keys", "User:generateUserAuthKey", users.generate_user_auth_key),
    Route("GET", f"{USER}/auth_keys/{{auth_key_id}}", "User:getUserAuthKey", users.get_user_auth_key),
    Route("DELETE", f"{USER}/auth_keys/{{auth_key_id}}", "User:deleteUserAuthKey", users.delete_user_auth_key),
    Route("GET", f"{USER}/password", "User:hasUserPassword", users.has_user_password),
    Route("POST", f"{USER}/password", "User:createUserPassword", users.create_user_password),
    Route("PUT", f"{USER}/password", "User:updateUserPassword", users.update_user_password),
    Route("DELETE", f"{USER}/password", "User:deleteUserPassword", users.delete_user_password),
    Route("GET", f"{USER}/permission", "User:getUserPermission", users.get_user_permission),
    Route("PUT", f"{USER}/permission", "User:updateUserPermission", users.update_user_permission),
    Route("DELETE", f"{USER}/permission", "User:deleteUserPermission", users.delete_user_permission),
    Route("GET", f"{USER}/trust_policy", "User:getUserTrustPolicy", users.get_user_trust_policy),
    Route("PUT", f"{USER}/trust_policy", "User:updateUserTrustPolicy", users.update_user_trust_policy),
    Route("DELETE", f"{USER}/trust_policy", "User:deleteUserTrustPolicy", users.delete_user_trust_policy),
    Route("GET", f"{USER}/mfa", "User:getUserMFAStatus", users.get_user_mfa_status),
    Route("POST", f"{USER}/mfa", "User:enableUserMFA", users.enable_user_mfa),
    Route("DELETE", f"{USER}/mfa", "User:revokeUserMFA", users.revoke_user_mfa),
    Route("POST", f"{USER}/mfa/verify", "User:verifyUserMFA", users.verify_user_mfa),
    Route("DELETE", f"{USER}/tokens", "User:revokeUserAuthTokens", users.revoke_user_auth_tokens),
    Route("GET", f"{USER}/roles", "Role:listUserRoles", roles.list_user_roles),
    Route("POST", f"{USER}/roles", "Role:attachRole", roles.attach_role),
    Route("DELETE", f"{USER}/roles/{{role_id}}", "Role:detachRole", roles.detach_role),
    Route("GET", f"{OPERATOR}/roles", "Role:listRoles", roles.list_roles),
    Route("GET", ROLE, "Role:getRole", roles.get_role),
    Route("POST", ROLE, "Role:createRole", roles.create_role),
    Route("PUT", ROLE, "Role:updateRole", roles.update_role),
    Route("DELETE", ROLE, "Role:deleteRole", roles.delete_role),
    Route("GET", f"{ROLE}/users", "Role:listRoleAttachedUsers", roles.list_role_attached_users),
    Route("GET", f"{ROLE}/versions", "Role:listRoleVersions", roles.list_role_versions),
    ReadRoute("GET", "/data/resources", "DataEntry:listDataSourceResources", data.list_data_source_resources),
    ReadRoute(
        "GET", "/data/metadata/resources", "DataEntry:listDataResourceMetadata", data.list_data_resource_metadata
    ),
    Route(
        "GET", "/data/categories/{category}", "DataEntry:getDataEntriesByCategory", data.get_data_entries_by_category
    ),
    ReadRoute("GET", "/data/{resource_type}/{resource_id}", "DataEntry:getDataEntries", data.get_data_entries),
    ReadRoute("GET", "/data/{resource_type}/{resource_id}/{time}", "DataEntry:getDataEntry", data.get_data_entry),
    Route("DELETE", "/data/{resource_type}/{resource_id}/{time}", "DataEntry:deleteDataEntry", data.delete_data_entry),
    Route("GET", "/subscribers", "Subscriber:listSubscribers", subscribers.list_subscribers),
    Route("GET", "/subscribers/{imsi}", "Subscriber:getSubscriber", SUBSCRIBER.get),
    Route("POST", "/subscribers/{imsi}/register", "Subscriber:registerSubscriber", SUBSCRIBER.register),
    Route("POST", "/subscribers/{imsi}/set_group", "Subscriber:setGroup", SUBSCRIBER.set_group),
    Route("POST", "/subscribers/{imsi}/unset_group", "Subscriber:unsetGroup", SUBSCRIBER.unset_group),
    Route("PUT", "/subscribers/{imsi}/tags", "Subscriber:putSubscriberTags", SUBSCRIBER.put_tags),
    Route("DELETE", "/subscribers/{imsi}/tags/{tag_name}", "Subscriber:deleteSubscriberTag", SUBSCRIBER.delete_tag),
    Route("POST", "/subscribers/{imsi}/activate", "Subscriber:activateSubscriber", SUBSCRIBER.activate),
    Route("POST", "/subscribers/{imsi}/deactivate", "Subscriber:deactivateSubscriber", SUBSCRIBER.deactivate),
    Route("POST", "/subscribers/{imsi}/set_to_standby", "Subscriber:setSubscriberToStandby", SUBSCRIBER.set_to_standby),
    Route("POST", "/subscribers/{imsi}/suspend", "Subscriber:suspendSubscriber", SUBSCRIBER.suspend),
    Route("POST", "/subscribers/{imsi}/terminate", "Subscriber:terminateSubscriber", SUBSCRIBER.terminate),
    Route(
        "POST", "/subscribers/{imsi}/enable_termination", "Subscriber:enableTermination", SUBSCRIBER.enable_termination
    ),
    Route(
        "POST",
        "/subscribers/{imsi}/disable_termination",
        "Subscriber:disableTermination",
        SUBSCRIBER.disable_termination,
    ),
    Route("GET", "/query/subscribers", "Query:searchSubscribers", subscribers.search_subscribers),
    Route("POST", "/sims", "Sim:createSim", sims.create_sim),
    Route("GET", "/sims", "Sim:listSims", sims.list_sims),
    Route("GET", "/sims/{sim_id}", "Sim:getSim", SIM.get),
    Route("POST", "/sims/{sim_id}/register", "Sim:registerSim", SIM.register),
    Route("POST", "/sims/{sim_id}/set_group", "Sim:setSimGroup", SIM.set_group),
    Route("POST", "/sims/{sim_id}/unset_group", "Sim:unsetSimGroup", SIM.unset_group),
    Route("PUT", "/sims/{sim_id}/tags", "Sim:putSimTags", SIM.put_tags),
    Route("DELETE", "/sims/{sim_id}/tags/{tag_name}", "Sim:deleteSimTag", SIM.delete_tag),
    Route("POST", "/sims/{sim_id}/activate", "Sim:activateSim", SIM.activate),
    Route("POST", "/sims/{sim_id}/deactivate", "Sim:deactivateSim", SIM.deactivate),
    Route("POST", "/sims/{sim_id}/set_to_standby", "Sim:setSimToStandby", SIM.set_to_standby),
    Route("POST", "/sims/{sim_id}/suspend", "Sim:suspendSim", SIM.suspend),
    Route("POST", "/sims/{sim_id}/terminate", "Sim:terminateSim", SIM.terminate),
    Route("POST", "/sims/{sim_id}/enable_termination", "Sim:enableSimTermination", SIM.enable_termination),
    Route("POST", "/sims/{sim_id}/disable_termination", "Sim:disableSimTermination", SIM.disable_termination),
    Route("GET", "/query/sims", "Query:searchSims", sims.search_sims),
    ReadRoute("GET", "/subscribers/{imsi}/data", "Subscriber:getDataFromSubscriber", data.get_subscriber_data),
    ReadRoute("GET", "/sims/{sim_id}/data", "Sim:getDataFromSim", data.get_sim_data),
    Route("POST", "/devices", "Device:createDevice", devices.create_device),
    Route("GET", "/devices", "Device:listDevices", INVENTORY.list_devices),
    Route("GET", "/devices/{device_id}", "Device:getDevice", INVENTORY.get),
    Route("DELETE", "/devices/{device_id}", "Device:deleteDevice", INVENTORY.delete),
    Route("POST", "/devices/{device_id}/set_group", "Device:setDeviceGroup", INVENTORY.set_group),
    Route("POST", "/devices/{device_id}/unset_group", "Device:unsetDeviceGroup", INVENTORY.unset_group),
    Route("PUT", "/devices/{device_id}/tags", "Device:putDeviceTags", INVENTORY.put_tags),
    Route("DELETE", "/devices/{device_id}/tags/{tag_name}", "Device:deleteDeviceTag", INVENTORY.delete_tag),
    OpenRoute("POST", "/devices/{device_id}/publish", "Device:publish", publish.publish),
    OpenRoute("POST", "/devices/{device_id}/publish/{name}", "Device:publishToPath", publish.publish),
    Route("GET", "/lora_devices", "LoraDevice:listLoraDevices", LORA.list_devices),
    Route("GET", "/lora_devices/{device_id}", "LoraDevice:getLoraDevice", LORA.get),
    Route("POST", "/lora_devices/{device_id}/register", "LoraDevice:registerLoraDevice", LORA.register),
    Route("POST", "/lora_devices/{device_id}/set_group", "LoraDevice:setLoraDeviceGroup", LORA.set_group),
    Route("POST", "/lora_devices/{device_id}/unset_group", "LoraDevice:unsetLoraDeviceGroup", LORA.unset_group),
    Route("PUT", "/lora_devices/{device_id}/tags", "LoraDevice:putLoraDeviceTags", LORA.put_tags),
    Route("DELETE", "/lora_devices/{device_id}/tags/{tag_name}", "LoraDevice:deleteLoraDeviceTag", LORA.delete_tag),
    Route("GET", "/sigfox_devices", "SigfoxDevice:listSigfoxDevices", SIGFOX.list_devices),
    Route("GET", "/sigfox_devices/{device_id}", "SigfoxDevice:getSigfoxDevice", SIGFOX.get),
    Route("POST", "/sigfox_devices/{device_id}/register", "SigfoxDevice:registerSigfoxDevice", SIGFOX.register),
    Route("POST", "/sigfox_devices/{device_id}/set_group", "SigfoxDevice:setSigfoxDeviceGroup", SIGFOX.set_group),
    Route("POST", "/sigfox_devices/{device_id}/unset_group", "SigfoxDevice:unsetSigfoxDeviceGroup", SIGFOX.unset_group),
    Route("PUT", "/sigfox_devices/{device_id}/tags", "SigfoxDevice:putSigfoxDeviceTags", SIGFOX.put_tags),
    Route(
        "DELETE", "/sigfox_devices/{device_id}/tags/{tag_name}", "SigfoxDevice:deleteSigfoxDeviceTag", SIGFOX.delete_tag
    ),
    Route("GET", "/sora_cam/devices", "SoraCam:listSoraCamDevices", CAMERA.list_devices),
    Route("GET", "/sora_cam/devices/{device_id}", "SoraCam:getSoraCamDevice", CAMERA.get),
    Route("POST", "/sora_cam/devices/{device_id}/register", "SoraCam:registerSoraCamDevice", CAMERA.register),
    Route("POST", "/sora_cam/devices/{device_id}/set_group", "SoraCam:setSoraCamDeviceGroup", CAMERA.set_group),
    Route("POST", "/sora_cam/devices/{device_id}/unset_group", "SoraCam:unsetSoraCamDeviceGroup", CAMERA.unset_group),
    Route("PUT", "/sora_cam/devices/{device_id}/tags", "SoraCam:putSoraCamDeviceTags", CAMERA.put_tags),
    Route(
        "DELETE", "/sora_cam/devices/{device_id}/tags/{tag_name}", "SoraCam:deleteSoraCamDeviceTag", CAMERA.delete_tag
    ),
    ReadRoute("GET", "/devices/{device_id}/data", "Device:getDataFromDevice", data.get_device_data),
    ReadRoute("GET", "/lora_devices/{device_id}/data", "LoraDevice:getDataFromLoraDevice", data.get_lora_device_data),
    ReadRoute(
        "GET", "/sigfox_devices/{device_id}/data", "SigfoxDevice:getDataFromSigfoxDevice", data.get_sigfox_device_data
    ),
    Route(
        "POST", "/sora_cam/devices/{device_id}/data", "SoraCam:createSoraCamDeviceDataEntry", data.create_camera_entry
    ),
    Route(
        "PUT",
        "/sora_cam/devices/{device_id}/data/{time}",
        "SoraCam:updateSoraCamDeviceDataEntry",
        data.update_camera_entry,
    ),
    Route("GET", "/audit_logs/api", "AuditLog:getApiAuditLogs", audit.get_api_audit_logs),
    Route("GET", "/logs", "Log:getLogs", logs.get_logs),
    Route("GET", "/minori/unknown_senders", "Sender:listUnknownSenders", logs.list_unknown_senders),
    Route("GET", "/groups", "Group:listGroups", groups.list_groups),
    Route("POST", "/groups", "Group:createGroup", groups.create_group),
    Route("GET", GROUP, "Group:getGroup", groups.get_group),
    Route("DELETE", GROUP, "Group:deleteGroup", groups.delete_group),
    Route("PUT", NAMESPACE, "Group:putConfigurationParameters", groups.put_configuration),
    Route("DELETE", NAMESPACE, "Group:deleteConfigurationNamespace", groups.delete_namespace),
    Route("DELETE", f"{NAMESPACE}/{{name}}", "Group:deleteConfigurationParameter", groups.delete_option),
    Route("GET", f"{GROUP}/subscribers", "Group:listSubscribersInGroup", groups.list_subscribers),
    Route("PUT", f"{GROUP}/tags", "Group:putGroupTags", groups.put_tags),
    Route("DELETE", f"{GROUP}/tags/{{tag_name}}", "Group:deleteGroupTag", groups.delete_tag),
    Route("GET", "/minori/beam_keys", "BeamKey:listBeamKeys", feeders.list_beam_keys),
    Route("POST", "/minori/beam_keys", "BeamKey:addBeamKey", feeders.add_beam_key),
    Route("DELETE", "/minori/beam_keys/{beam_key_id}", "BeamKey:removeBeamKey", feeders.remove_beam_key),
    Route("GET", "/minori/ingest_tokens", "IngestToken:listIngestTokens", feeders.list_ingest_tokens),
    Route("POST", "/minori/ingest_tokens", "IngestToken:addIngestToken", feeders.add_ingest_token),
    Route(
        "DELETE",
        "/minori/ingest_tokens/{ingest_token_id}",
        "IngestToken:removeIngestToken",
        feeders.remove_ingest_token,
    ),
    Route("GET", "/minori/sessions", "Session:listSessions", sessions.list_sessions),
    Route("GET", SESSION, "Session:getSession", sessions.get_session),
    Route("PUT", SESSION, "Session:putSession", sessions.put_session),
    Route("DELETE", SESSION, "Session:deleteSession", sessions.delete_session),
    Route("POST", "/minori/binary_parser/try", "BinaryParser:tryBinaryParser", parser.try_binary_parser),
    Route("POST", "/data/exports", "DataEntry:exportDataEntries", exports.export_data_entries),
    Route("POST", "/subscribers/export", "Subscriber:exportSubscribers", exports.export_subscribers),
    Route("POST", "/stats/air/operators/{operator_id}/export", "Stats:exportAirStats", exports.export_air_statistics),
    Route(
        "POST", "/stats/beam/operators/{operator_id}/export", "Stats:exportBeamStats", exports.export_beam_statistics
    ),
    Route(
        "POST", "/stats/funk/operators/{operator_id}/export", "Stats:exportFunkStats", exports.export_funk_statistics
    ),
    Route(
        "POST",
        "/stats/funnel/operators/{operator_id}/export",
        "Stats:exportFunnelStats",
        exports.export_funnel_statistics,
    ),
    Route(
        "POST",
        "/stats/harvest/operators/{operator_id}/export",
        "Stats:exportHarvestStats",
        exports.export_harvest_statistics,
    ),
    Route("POST", "/bills/{yyyyMM}/export", "Billing:exportBilling", exports.export_bill),
    Route("POST", "/bills/latest/export", "Billing:exportLatestBilling", exports.export_bill),
    Route(
        "POST",
        "/payment_statements/{payment_statement_id}/export",
        "Payment:exportPaymentStatement",
        exports.export_bill,
    ),
    Route("GET", "/stats/harvest/subscribers/{imsi}", "Stats:getHarvestStats", statistics.get_harvest_statistics),
    Route(
        "GET",
        "/stats/harvest/operators/{operator_id}",
        "Stats:getHarvestExportedDataStats",
        statistics.get_exported_data_statistics,
    ),
    Route("GET", "/files/exported/{exported_file_id}", "Files:getExportedFile", exports.get_exported_file),
    Route("GET", "/files", "FileEntry:findFiles", files.find_files),
    Route("GET", FILE, "FileEntry:getFile", files.get_file),
    Route("HEAD", FILE, "FileEntry:getFileMetadata", files.get_file_metadata),
    Route("PUT", FILE, "FileEntry:putFile", files.put_file),
    Route("DELETE", FILE, "FileEntry:deleteFile", files.delete_file),
    Route("GET", DIRECTORY, "FileEntry:listFiles", files.list_files),
    Route("DELETE", DIRECTORY, "FileEntry:deleteDirectory", files.delete_directory),
)


class _Pattern(Struct, frozen=True):
    words: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]
    routes: dict[str, AnyRoute]


def _patterns() -> dict[tuple[int, str], list[_Pattern]]:
    by_template: dict[str, dict[str, AnyRoute]] = {}
    for route in ROUTES:
        if route.template in (FILE, DIRECTORY):
            continue
        by_method = by_template.setdefault(route.template, {})
        by_method[route.method] = route
        if route.method == "GET":
            by_method["HEAD"] = route
    patterns: dict[tuple[int, str], list[_Pattern]] = {}
    for template, routes in by_template.items():
        segments = list(enumerate(template.split("/")[1:]))
        words = tuple((place, segment) for place, segment in segments if not segment.startswith("{"))
        names = tuple((place, segment[1:-1]) for place, segment in segments if segment.startswith("{"))
        patterns.setdefault((len(segments), segments[0][1]), []).append(_Pattern(words[1:], names, routes))
    for candidates in patterns.values():
        candidates.sort(key=lambda pattern: len(pattern.parameters))
    return patterns


_PATTERNS = _patterns()
_FILE_ROUTES = {route.method: route for route in ROUTES if route.template == FILE}
_DIRECTORY_ROUTES = _FILE_ROUTES | {route.method: route for route in ROUTES if route.template == DIRECTORY}
"""What a directory answers; to PUT and HEAD, which only files have, the handler says why not."""
_DIRECTORY_METHODS = ("DELETE", "GET", "HEAD")


REMEMBERED = 1024
REMEMBERED_CHARACTERS = 256
"""How many paths are remembered with their routes, and how long they may be: clients ask for the same again."""


def find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    """The route of a raw path after `/v1`, and its parameters, decoded.

    Raises `NotFound`, `MethodNotAllowed`, and where a parameter cannot be decoded `InvalidParameter` or `InvalidPath`.
    """
    return (_find if len(raw_path) > REMEMBERED_CHARACTERS else _remembered)(method, raw_path)


def _find(method: str, raw_path: str) -> tuple[AnyRoute, Mapping[str, str]]:
    # The documented path of an exported file begins with two slashes, and clients put it behind `/v1`.
    segments = raw_path.removeprefix("/").removeprefix("/").split("/")
    for pattern in _PATTERNS.get((len(segments), segments[0]), ()):
        if all(segments[place] == word for place, word in pattern.words):
            route = pattern.routes.get(method)
            if route is None:
                raise MethodNotAllowed(tuple(sorted(pattern.routes)))
            return route, {name: parameters.decode_segment(segments[place]) for place, name in pattern.parameters}
    if segments[0] == "files" and len(segments) > 1:
        return _find_file(method, segments[1], "/".join(segments[2:]))
    raise NotFound("There is no such operation; /docs lists those there are")


def _find_file(method: str, scope: str, raw_path: str) -> tuple[AnyRoute, dict[str, str]]:
    path = parse_path(raw_path)
    is_directory = path.endswith("/")
    route = (_DIRECTORY_ROUTES if is_directory else _FILE_ROUTES).get(method)
    if route is None:
        raise MethodNotAllowed(_DIRECTORY_METHODS if is_directory else tuple(sorted(_FILE_ROUTES)))
    return route, {"scope": parameters.decode_segment(scope), "path": path}


_remembered = lru_cache(REMEMBERED)(_find)

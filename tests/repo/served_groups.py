"""What the description says about groups and sessions: the spec's statuses, and those that any call can meet."""

from typing import Any

_STRING = {"type": "string"}
_MODE = {"type": "string", "enum": ["exact", "prefix"], "default": "exact"}
_LIMIT = ("limit", "query", False, {"type": "integer"})
_KEY = ("last_evaluated_key", "query", False, _STRING)
_TAG = (
    ("tag_name", "query", False, _STRING),
    ("tag_value", "query", False, _STRING),
    ("tag_value_match_mode", "query", False, _MODE),
)
_GROUP = ("group_id", "path", True, _STRING)
_NAMESPACE = ("namespace", "path", True, _STRING)
_NAME = ("name", "path", True, _STRING)
_TAG_NAME = ("tag_name", "path", True, _STRING)
_NETWORK = ("network", "path", True, _STRING)

_READ = "200 400 401 403 404 405"
_PUT = "400 401 403 404 405 413 503 507"
_DELETE = "204 400 401 403 404 405 503 507"
_OPTIONS = "/groups/{group_id}/configuration/{namespace}"
_SESSION = "/minori/sessions/{network}"

SERVED: tuple[tuple[str, str, str, tuple[Any, ...], str], ...] = (
    ("listGroups", "get", "/groups", (*_TAG, _LIMIT, _KEY), "200 400 401 403 405"),
    ("createGroup", "post", "/groups", (), "201 400 401 403 405 413 503 507"),
    ("getGroup", "get", "/groups/{group_id}", (_GROUP,), _READ),
    ("deleteGroup", "delete", "/groups/{group_id}", (_GROUP,), _DELETE),
    ("putConfigurationParameters", "put", _OPTIONS, (_GROUP, _NAMESPACE), f"200 {_PUT}"),
    ("deleteConfigurationNamespace", "delete", _OPTIONS, (_GROUP, _NAMESPACE), _DELETE),
    ("deleteConfigurationParameter", "delete", f"{_OPTIONS}/{{name}}", (_GROUP, _NAMESPACE, _NAME), _DELETE),
    ("listSubscribersInGroup", "get", "/groups/{group_id}/subscribers", (_GROUP, _LIMIT, _KEY), _READ),
    ("putGroupTags", "put", "/groups/{group_id}/tags", (_GROUP,), f"200 {_PUT}"),
    ("deleteGroupTag", "delete", "/groups/{group_id}/tags/{tag_name}", (_GROUP, _TAG_NAME), _DELETE),
    ("listSessions", "get", "/minori/sessions", (_LIMIT, _KEY), "200 400 401 403 405"),
    ("getSession", "get", _SESSION, (_NETWORK,), _READ),
    ("putSession", "put", _SESSION, (_NETWORK,), f"200 201 {_PUT}"),
    ("deleteSession", "delete", _SESSION, (_NETWORK,), _DELETE),
)
"""Operation id, method, path, parameters, answers."""

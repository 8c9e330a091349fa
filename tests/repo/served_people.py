"""What the description says of operators, users and roles: the spec's statuses, and those any call can meet."""

from typing import Any

OPERATORS = "/operators/{operator_id}"
U = "/operators/{operator_id}/users/{user_name}"
R = "/operators/{operator_id}/roles/{role_id}"

OWNER = {"type": "string", "enum": ["operator", "soracom", "all"], "default": "operator"}

_ROWS = """
switchUser post /auth/switch_user 200 400 401 403 405 413 503
issuePasswordResetToken post /auth/password_reset_token/issue 200 400 405 413
verifyPasswordResetToken post /auth/password_reset_token/verify 200 400 404 405 413 429 503 507
getOperator get O 200 400 401 403 404 405
updateOperatorPassword post O/password 200 400 401 403 404 405 413 429 503 507
listOperatorAuthKeys get O/auth_keys 200 400 401 403 404 405
generateOperatorAuthKey post O/auth_keys 201 400 401 403 404 405 503 507
deleteOperatorAuthKey delete O/auth_keys/{auth_key_id} 204 400 401 403 404 405 503 507
revokeOperatorAuthTokens delete O/tokens 204 400 401 403 404 405 503 507
getMFAStatus get O/mfa 200 400 401 403 404 405
enableMFA post O/mfa 200 400 401 403 404 405 503 507
revokeMFA delete O/mfa 204 400 401 403 404 405 413 429 503 507
verifyMFA post O/mfa/verify 200 400 401 403 404 405 413 503 507
issueMFARevokingToken post /operators/mfa_revoke_token/issue 200 400 405 413
verifyMFARevokingToken post /operators/mfa_revoke_token/verify 200 400 403 405 413 429 503 507
listUsers get O/users 200 400 401 403 404 405
getDefaultPermissions get O/users/default_permissions 200 400 401 403 404 405
updateDefaultPermissions put O/users/default_permissions 202 400 401 403 404 405 413 503 507
deleteDefaultPermissions delete O/users/default_permissions 204 400 401 403 404 405 503 507
getUser get U 200 400 401 403 404 405
createUser post U 201 400 401 403 404 405 413 503 507
updateUser put U 200 400 401 403 404 405 413 503 507
deleteUser delete U 204 400 401 403 404 405 503 507
listUserAuthKeys get U/auth_keys 200 400 401 403 404 405
generateUserAuthKey post U/auth_keys 200 400 401 403 404 405 503 507
getUserAuthKey get U/auth_keys/{auth_key_id} 200 400 401 403 404 405
deleteUserAuthKey delete U/auth_keys/{auth_key_id} 204 400 401 403 404 405 503 507
hasUserPassword get U/password 200 400 401 403 404 405
createUserPassword post U/password 201 400 401 403 404 405 413 503 507
updateUserPassword put U/password 200 400 401 403 404 405 413 429 503 507
deleteUserPassword delete U/password 204 400 401 403 404 405 503 507
getUserPermission get U/permission 200 400 401 403 404 405
updateUserPermission put U/permission 200 400 401 403 404 405 413 503 507
deleteUserPermission delete U/permission 204 400 401 403 404 405 503 507
getUserMFAStatus get U/mfa 200 400 401 403 404 405
enableUserMFA post U/mfa 200 400 401 403 404 405 503 507
revokeUserMFA delete U/mfa 204 400 401 403 404 405 503 507
verifyUserMFA post U/mfa/verify 204 400 401 403 404 405 413 503 507
getUserTrustPolicy get U/trust_policy 200 400 401 403 404 405
updateUserTrustPolicy put U/trust_policy 204 400 401 403 404 405 413 503 507
deleteUserTrustPolicy delete U/trust_policy 204 400 401 403 404 405 503 507
revokeUserAuthTokens delete U/tokens 204 400 401 403 404 405 503 507
listUserRoles get U/roles 200 400 401 403 404 405
attachRole post U/roles 200 400 401 403 404 405 413 503 507
detachRole delete U/roles/{role_id} 200 400 401 403 404 405 503 507
listRoles get O/roles 200 400 401 403 404 405
getRole get R 200 400 401 403 404 405
createRole post R 200 400 401 403 404 405 413 503 507
updateRole put R 200 400 401 403 404 405 413 503 507
deleteRole delete R 204 400 401 403 404 405 503 507
listRoleAttachedUsers get R/users 200 400 401 403 404 405
listRoleVersions get R/versions 400 401 403 404 405
"""
_SHORT = {"O": OPERATORS, "U": U, "R": R}


def _row(line: str) -> tuple[str, str, str, tuple[Any, ...], str]:
    operation_id, method, short, answers = line.split(maxsplit=3)
    path = _SHORT[short[0]] + short[1:] if short[0] in _SHORT else short
    parameters: list[Any] = [
        (segment[1:-1], "path", True, {"type": "string"}) for segment in path.split("/") if segment.startswith("{")
    ]
    if operation_id == "listRoles":
        parameters.append(("owner", "query", False, OWNER))
    return operation_id, method, path, tuple(parameters), answers


SERVED = [_row(line) for line in _ROWS.split("\n") if line]
"""Operation id, method, path, parameters, answers."""

OPEN = {
    "issuePasswordResetToken",
    "verifyPasswordResetToken",
    "issueMFARevokingToken",
    "verifyMFARevokingToken",
}
"""Those that need no login."""

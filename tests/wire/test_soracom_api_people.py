"""Logins, users, roles, keys and passwords with the public Python client `soracom-api`, whose types are strict."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuthApi, GroupApi, OperatorApi, RoleApi, UserApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.exceptions import ApiException, NotFoundException, UnauthorizedException  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the client brings no types
    AttachRoleRequest,
    CreateOrUpdateRoleRequest,
    CreateUserPasswordRequest,
    CreateUserRequest,
    GenerateTokenRequest,
    IssuePasswordResetTokenRequest,
    SetUserPermissionRequest,
    UpdateDefaultPermissionsRequest,
    UpdatePasswordRequest,
    UpdateUserRequest,
    VerifyPasswordResetTokenRequest,
)

from people import allow, document, minori
from serving import Server
from wire.calling import client_of, log_in

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")

PASSWORD, OTHER_PASSWORD = "correct horse", "battery staple"
USERS, ROLES = 50, 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these tests: they guess wrong, and fill it with people."""
    with Server(tmp_path_factory.mktemp("people") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def boss(server: Server) -> Any:
    """The root user."""
    return client_of(server, server.login())


@pytest.fixture(scope="module")
def op(server: Server) -> str:
    return server.credentials["operatorId"]


@pytest.fixture
def name(boss: Any, op: str) -> Iterator[str]:
    """A SAM user and a role of this name, for one test alone."""
    name = f"c{uuid4().hex[:12]}"
    UserApi(boss).create_user(op, name, create_user_request=CreateUserRequest(description="Night shift"))
    make_role(boss, op, name, document(allow("Group:*")))
    yield name
    UserApi(boss).delete_user(op, name)
    RoleApi(boss).delete_role(op, name)


def make_role(client: Any, op: str, role_id: str, permission: str) -> Any:
    body = CreateOrUpdateRoleRequest(permission=permission, description="of a test")
    return RoleApi(client).create_role(op, role_id, create_or_update_role_request=body)


def permit(client: Any, op: str, name: str, *statements: dict[str, Any]) -> None:
    body = SetUserPermissionRequest(permission=document(*statements))
    UserApi(client).update_user_permission(op, name, set_user_permission_request=body)


def test_a_user_logs_in_with_a_key_and_is_told_his_name(server: Server, boss: Any, op: str, name: str) -> None:
    key = UserApi(boss).generate_user_auth_key(op, name)
    user = log_in(server, auth_key_id=key.auth_key_id, auth_key=key.auth_key)
    assert (user.granted.operator_id, user.granted.user_name) == (op, name)
    with pytest.raises(ApiException, match="AUM0017"):
        GroupApi(user).list_groups()
    permit(boss, op, name, allow("Group:list*"))
    GroupApi(user).list_groups()


def test_a_user_logs_in_with_a_password_until_it_is_removed(server: Server, boss: Any, op: str, name: str) -> None:
    users, whose = UserApi(boss), {"operator_id": op, "user_name": name}
    assert users.has_user_password(op, name).has_password is False
    users.create_user_password(op, name, create_user_password_request=CreateUserPasswordRequest(password=PASSWORD))
    assert log_in(server, **whose, password=PASSWORD).granted.user_name == name
    change = UpdatePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD)
    users.update_user_password(op, name, update_password_request=change)
    with pytest.raises(UnauthorizedException):
        log_in(server, **whose, password=PASSWORD)
    log_in(server, **whose, password=OTHER_PASSWORD)
    assert users.delete_user_password(op, name) is None
    with pytest.raises(NotFoundException):
        users.delete_user_password(op, name)
    with pytest.raises(UnauthorizedException):
        log_in(server, **whose, password=OTHER_PASSWORD)


def test_a_new_token_works_with_the_api_key_of_the_old_one(server: Server, boss: Any, op: str) -> None:
    body = GenerateTokenRequest(token_timeout_seconds=300)
    token = OperatorApi(boss).generate_auth_token(op, generate_token_request=body).token
    pair = {"api_key": boss.configuration.api_key["api_key"], "api_token": token}
    renewed = ApiClient(Configuration(host=f"{server.url}/v1", api_key=pair))
    assert OperatorApi(renewed).get_operator(op).operator_id == op


def test_the_operator_has_every_member_that_the_client_demands(boss: Any, op: str) -> None:
    shown = OperatorApi(boss).get_operator(op)
    assert (shown.operator_id, shown.root_operator_id) == (op, op)
    assert (shown.email, shown.description) == ("root@minori.invalid", "")
    assert shown.create_date <= shown.update_date


def test_keys_of_the_root_user_are_made_listed_and_removed(server: Server, boss: Any, op: str) -> None:
    operators = OperatorApi(boss)
    made = operators.generate_operator_auth_key(op)
    log_in(server, auth_key_id=made.auth_key_id, auth_key=made.auth_key)
    (shown,) = [key for key in operators.list_operator_auth_keys(op) if key.auth_key_id == made.auth_key_id]
    assert shown.create_date_time <= shown.last_used_date_time
    assert operators.delete_operator_auth_key(op, made.auth_key_id) is None
    with pytest.raises(NotFoundException):
        operators.delete_operator_auth_key(op, made.auth_key_id)
    with pytest.raises(UnauthorizedException):
        log_in(server, auth_key_id=made.auth_key_id, auth_key=made.auth_key)


def test_keys_of_a_user_are_made_listed_read_and_removed(boss: Any, op: str, name: str) -> None:
    users = UserApi(boss)
    made = [users.generate_user_auth_key(op, name).auth_key_id for _ in range(2)]
    assert sorted(key.auth_key_id for key in users.list_user_auth_keys(op, name)) == sorted(made)
    assert "last_used_date_time" not in users.get_user_auth_key(op, name, made[0])
    assert users.delete_user_auth_key(op, name, made[0]) is None
    assert [key.auth_key_id for key in users.get_user(op, name).auth_key_list] == made[1:]


def test_a_user_is_described_anew_and_read(boss: Any, op: str, name: str) -> None:
    users = UserApi(boss)
    assert users.get_user(op, name).description == "Night shift"
    users.update_user(op, name, update_user_request=UpdateUserRequest(description="Day shift"))
    assert (users.get_user(op, name).description, users.get_user(op, name).user_name) == ("Day shift", name)


def test_the_permission_of_a_user_can_be_read_whether_he_has_one_or_not(boss: Any, op: str, name: str) -> None:
    """The client demands the member `permission`."""
    users = UserApi(boss)
    assert users.get_user_permission(op, name).permission == '{"statements":[]}'
    permit(boss, op, name, allow("Group:*"))
    assert users.get_user_permission(op, name).permission == document(allow("Group:*"))
    assert users.get_user(op, name).permission == document(allow("Group:*"))


def test_roles_are_changed_attached_and_removed(boss: Any, op: str, name: str) -> None:
    roles = RoleApi(boss)
    body = CreateOrUpdateRoleRequest(permission=document(allow("Sim:*")), description="Yard")
    roles.update_role(op, name, create_or_update_role_request=body)
    shown = roles.get_role(op, name)
    assert (shown.permission, shown.description, shown.role_id) == (document(allow("Sim:*")), "Yard", name)
    roles.attach_role(op, name, attach_role_request=AttachRoleRequest(role_id=name))
    assert [role.role_id for role in roles.list_user_roles(op, name)] == [name]
    assert [user.user_name for user in roles.list_role_attached_users(op, name)] == [name]
    with pytest.raises(ApiException, match="MNR0033"):
        roles.delete_role(op, name)
    roles.detach_role(op, name, name)
    with pytest.raises(NotFoundException):
        roles.detach_role(op, name, name)
    assert (roles.list_user_roles(op, name), roles.list_role_attached_users(op, name)) == ([], [])


def test_default_permissions_are_read_whether_there_are_any_or_not(boss: Any, op: str) -> None:
    users = UserApi(boss)
    assert users.get_default_permissions(op).get("default_permissions") is None
    body = UpdateDefaultPermissionsRequest(permissions=document(allow("Group:list*")))
    users.update_default_permissions(op, update_default_permissions_request=body)
    assert users.get_default_permissions(op).default_permissions == document(allow("Group:list*"))
    # The client cannot remove them.
    body = UpdateDefaultPermissionsRequest(permissions=document())
    users.update_default_permissions(op, update_default_permissions_request=body)


@pytest.mark.slow
def test_as_many_users_and_roles_as_there_may_be_are_listed_whole(boss: Any, op: str) -> None:
    users, names = UserApi(boss), [f"user{number:02}" for number in range(USERS)]
    for each in names:
        users.create_user(op, each, create_user_request=CreateUserRequest())
    for each in names[:ROLES]:
        make_role(boss, op, each, document())
    assert [user.user_name for user in users.list_users(op)] == names
    assert [role.role_id for role in RoleApi(boss).list_roles(op)] == names[:ROLES]
    with pytest.raises(ApiException) as user_refused:
        users.create_user(op, "one-more", create_user_request=CreateUserRequest())
    with pytest.raises(ApiException) as role_refused:
        make_role(boss, op, "one-more", document())
    assert (user_refused.value.status, role_refused.value.status) == (400, 400)
    for each in names:
        users.delete_user(op, each)
    for each in names[:ROLES]:
        RoleApi(boss).delete_role(op, each)


def test_a_forgotten_password_is_set_with_a_token_from_the_command_line(own_server: Server) -> None:
    auth = AuthApi(ApiClient(Configuration(host=f"{own_server.url}/v1")))
    email, op = own_server.credentials["email"], own_server.credentials["operatorId"]
    assert auth.issue_password_reset_token(IssuePasswordResetTokenRequest(email=email)) is None
    printed = minori(own_server, "operator", "reset-password", op)
    assert printed.returncode == 0, printed.stderr
    token = printed.stdout.split()[-1]
    body = VerifyPasswordResetTokenRequest(token=token, password=PASSWORD)
    auth.verify_password_reset_token(body)
    assert log_in(own_server, email=email, password=PASSWORD).granted.operator_id == op
    with pytest.raises(NotFoundException):
        auth.verify_password_reset_token(body)

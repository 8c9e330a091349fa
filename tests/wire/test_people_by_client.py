"""Users and roles through the public Python client `soracom-api`, whose types are strict."""

from collections.abc import Iterator
from typing import Any

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuthApi, OperatorApi, RoleApi, UserApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.exceptions import ApiException  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the client brings no types
    AttachRoleRequest,
    AuthRequest,
    CreateOrUpdateRoleRequest,
    CreateUserPasswordRequest,
    CreateUserRequest,
    SetUserPermissionRequest,
)

from people import allow, document
from serving import Server

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")


def log_in(server: Server, **credentials: str) -> Any:
    configuration = Configuration(host=f"{server.url}/v1")
    api = ApiClient(configuration)
    answer = AuthApi(api).auth(auth_request=AuthRequest(**credentials))
    configuration.api_key.update(api_key=answer.api_key, api_token=answer.token)
    return api


@pytest.fixture
def boss(own_server: Server) -> Iterator[Any]:
    made = own_server.credentials
    with log_in(own_server, auth_key_id=made["authKeyId"], auth_key=made["authKey"]) as api:
        yield api


def test_a_user_gets_a_role_and_a_password_and_logs_in(own_server: Server, boss: Any) -> None:
    op, users, roles = own_server.credentials["operatorId"], UserApi(boss), RoleApi(boss)
    users.create_user(op, "anna", create_user_request=CreateUserRequest(description="Night shift"))
    roles.create_role(
        op,
        "self",
        create_or_update_role_request=CreateOrUpdateRoleRequest(permission=document(allow("User:getUser"))),
    )
    roles.attach_role(op, "anna", attach_role_request=AttachRoleRequest(role_id="self"))
    users.create_user_password(
        op, "anna", create_user_password_request=CreateUserPasswordRequest(password="correct horse")
    )
    key = users.generate_user_auth_key(op, "anna")
    users.update_user_permission(
        op, "anna", set_user_permission_request=SetUserPermissionRequest(permission=document(allow("Role:getRole")))
    )
    (listed,) = users.list_users(op)
    assert (listed.user_name, listed.has_password, listed.role_list[0].role_id) == ("anna", True, "self")
    assert listed.auth_key_list[0].auth_key_id == key.auth_key_id
    with log_in(own_server, operator_id=op, user_name="anna", password="correct horse") as anna:
        assert UserApi(anna).get_user(op, "anna").description == "Night shift"
        assert RoleApi(anna).get_role(op, "self").permission == document(allow("User:getUser"))
        with pytest.raises(ApiException, match="AUM0017"):
            UserApi(anna).list_users(op)
    assert OperatorApi(boss).get_operator(op).email == "root@minori.invalid"
    assert [each.user_name for each in roles.list_role_attached_users(op, "self")] == ["anna"]

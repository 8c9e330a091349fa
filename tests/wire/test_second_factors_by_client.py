"""Second factors through the public Python client `soracom-api`, whose types are strict."""

from typing import Any

import pytest
from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuthApi, OperatorApi, UserApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.exceptions import ApiException  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import (  # type: ignore[import-untyped]  # the client brings no types
    AuthRequest,
    CreateUserPasswordRequest,
    CreateUserRequest,
    MFAAuthenticationRequest,
    MFARevokingTokenVerifyRequest,
)

from authenticator import Authenticator
from people import minori
from serving import Server

# The client calls what its HTTP library has come to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheader:DeprecationWarning")


def log_in(server: Server, **credentials: str) -> Any:
    configuration = Configuration(host=f"{server.url}/v1")
    api = ApiClient(configuration)
    answer = AuthApi(api).auth(auth_request=AuthRequest(**credentials))
    configuration.api_key.update(api_key=answer.api_key, api_token=answer.token)
    return api


def code(authenticator: Authenticator, offset: int = 0) -> Any:
    return MFAAuthenticationRequest(mfa_otp_code=authenticator.code(offset))


def test_the_client_sets_second_factors_up_logs_in_with_them_and_removes_them(own_server: Server) -> None:
    made = own_server.credentials
    op, root = made["operatorId"], {"email": made["email"], "password": made["password"]}
    with log_in(own_server, **root) as boss:
        operators, users = OperatorApi(boss), UserApi(boss)
        own = Authenticator(operators.enable_mfa(op).totp_uri)
        codes = operators.verify_mfa(op, code(own)).backup_codes
        assert (len(codes), operators.get_mfa_status(op).status) == (10, "ACTIVE")
        with pytest.raises(ApiException, match="MNR0041"):
            log_in(own_server, **root)
        log_in(own_server, **root, mfa_otp_code=own.code(1)).close()
        log_in(own_server, **root, mfa_otp_code=codes[0]).close()
        users.create_user(op, "anna", create_user_request=CreateUserRequest(description="Night shift"))
        password = "correct horse"
        users.create_user_password(
            op, "anna", create_user_password_request=CreateUserPasswordRequest(password=password)
        )
        hers = Authenticator(users.enable_user_mfa(op, "anna").totp_uri)
        users.verify_user_mfa(op, "anna", code(hers))
        anna = {"operator_id": op, "user_name": "anna", "password": password}
        log_in(own_server, **anna, mfa_otp_code=hers.code(1)).close()
        users.revoke_user_mfa(op, "anna")
        assert users.get_user_mfa_status(op, "anna").status == "INACTIVE"
        operators.revoke_mfa(op)
        log_in(own_server, **root).close()
        operators.verify_mfa(op, code(Authenticator(operators.enable_mfa(op).totp_uri)))
        token = minori(own_server, "operator", "reset-mfa", op).stdout.strip()
        operators.verify_mfa_revoking_token(MFARevokingTokenVerifyRequest(**root, token=token))
        assert operators.get_mfa_status(op).status == "INACTIVE"

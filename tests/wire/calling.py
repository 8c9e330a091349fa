"""The public Python client `soracom-api`, unmodified, at a server: logging in, and reading lists page by page."""

from collections.abc import Iterator
from typing import Any

from soracom_api import ApiClient, Configuration  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.apis import AuthApi  # type: ignore[import-untyped]  # the client brings no types
from soracom_api.models import AuthRequest  # type: ignore[import-untyped]  # the client brings no types

from serving import Server


def client_of(server: Server, headers: dict[str, str]) -> Any:
    """The client with the pair of a login."""
    pair = {"api_key": headers["X-Soracom-API-Key"], "api_token": headers["X-Soracom-Token"]}
    return ApiClient(Configuration(host=f"{server.url}/v1", api_key=pair))


def log_in(server: Server, **credentials: Any) -> Any:
    """The client, logged in by itself; its answer to the login is its attribute `granted`."""
    client = ApiClient(Configuration(host=f"{server.url}/v1"))
    client.granted = AuthApi(client).auth(AuthRequest(**credentials))
    client.configuration.api_key.update(api_key=client.granted.api_key, api_token=client.granted.token)
    return client


def pages(call: Any, *arguments: Any, **query: Any) -> Iterator[list[Any]]:
    """The pages of a list, by the next-key header."""
    while True:
        page, status, headers = call(*arguments, _return_http_data_only=False, **query)
        assert status == 200
        yield page
        key = {name.lower(): value for name, value in headers.items()}.get("x-soracom-next-key")
        if key is None:
            return
        query["last_evaluated_key"] = key

"""The API's description says what the spec says, and what the routes serve."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import minori
from minori.api import description, pages, reference
from minori.api.answers import ERRORS
from minori.api.routes import ROUTES
from repo import served_groups, served_logs, served_people, served_sims

TYPES = ["Subscriber", "LoraDevice", "Sim", "SigfoxDevice", "Device", "SoraCam"]
INTEGER: dict[str, Any] = {"type": "integer"}
STRING: dict[str, Any] = {"type": "string"}

TYPE = ("resource_type", "path", True, {"type": "string", "enum": TYPES})
ID = ("resource_id", "path", True, STRING)
TIME = ("time", "path", True, INTEGER)
PAGE = (
    ("from", "query", False, INTEGER),
    ("to", "query", False, INTEGER),
    ("sort", "query", False, {"type": "string", "enum": ["desc", "asc"], "default": "desc"}),
    ("limit", "query", False, {"type": "integer", "minimum": 1, "maximum": 1000}),
    ("last_evaluated_key", "query", False, STRING),
)
RESOURCES = (
    ("resource_type", "query", False, {"type": "string", "enum": TYPES}),
    ("limit", "query", False, INTEGER),
    ("last_evaluated_key", "query", False, STRING),
)

SCOPES = ["private", "public"]
SCOPE = ("scope", "path", True, {"type": "string", "enum": SCOPES, "default": "private"})
OWN_SCOPE = ("scope", "path", True, {"type": "string", "enum": ["private"], "default": "private"})
DIRECTORY = ("path", "path", True, {"type": "string", "default": "/"})
FILES = (
    ("limit", "query", False, {"type": "integer", "default": 10}),
    ("last_evaluated_key", "query", False, STRING),
)
PUBLISHED = tuple(
    (name, place, False, STRING)
    for name, place in (("device_secret", "query"), ("x-device-secret", "header"), ("x-soracom-timestamp", "header"))
)
BEAM = tuple(
    (f"x-soracom-{name}", "header", False, STRING)
    for name in (
        "imsi",
        "sim-id",
        "lora-device-id",
        "sigfox-device-id",
        "device-id",
        "timestamp",
        "signature",
        "signature-version",
    )
)
EXPORT_MODE = ("export_mode", "query", False, {"type": "string", "enum": ["async", "sync"], "default": "sync"})
SECONDS = {"type": "integer", "minimum": 0, "maximum": 253402300799}


def path_id(name: str) -> tuple[str, str, bool, dict[str, Any]]:
    return (name, "path", True, STRING)


# Operation id, method, path, parameters, answers. The answers are the spec's, and those that any call can meet.
SERVED: list[tuple[str, str, str, tuple[Any, ...], str]] = [
    ("auth", "post", "/auth", (), "200 400 401 405 413 429 503 507"),
    ("logout", "post", "/auth/logout", (), "204 401 405 503"),
    (
        "generateAuthToken",
        "post",
        "/operators/{operator_id}/token",
        (path_id("operator_id"),),
        "200 400 401 404 405 413 503",
    ),
    ("getDataEntries", "get", "/data/{resource_type}/{resource_id}", (TYPE, ID, *PAGE), "200 400 401 405 503"),
    (
        "getDataEntry",
        "get",
        "/data/{resource_type}/{resource_id}/{time}",
        (TYPE, ID, TIME),
        "200 400 401 404 405 503",
    ),
    (
        "deleteDataEntry",
        "delete",
        "/data/{resource_type}/{resource_id}/{time}",
        (TYPE, ID, TIME),
        "204 400 401 405 503",
    ),
    (
        "getDataEntriesByCategory",
        "get",
        "/data/categories/{category}",
        (path_id("category"), *PAGE),
        "200 400 401 405 503",
    ),
    ("listDataResourceMetadata", "get", "/data/metadata/resources", RESOURCES, "200 400 401 405 503"),
    ("listDataSourceResources", "get", "/data/resources", RESOURCES, "200 400 401 405 503"),
    ("getDataFromSubscriber", "get", "/subscribers/{imsi}/data", (path_id("imsi"), *PAGE), "200 400 401 405 503"),
    ("getDataFromSim", "get", "/sims/{sim_id}/data", (path_id("sim_id"), *PAGE), "200 400 401 405 503"),
    ("getDataFromDevice", "get", "/devices/{device_id}/data", (path_id("device_id"), *PAGE), "200 400 401 405 503"),
    (
        "getDataFromLoraDevice",
        "get",
        "/lora_devices/{device_id}/data",
        (path_id("device_id"), *PAGE),
        "200 400 401 405 503",
    ),
    (
        "getDataFromSigfoxDevice",
        "get",
        "/sigfox_devices/{device_id}/data",
        (path_id("device_id"), *PAGE),
        "200 400 401 405 503",
    ),
    (
        "createSoraCamDeviceDataEntry",
        "post",
        "/sora_cam/devices/{device_id}/data",
        (path_id("device_id"),),
        "201 400 401 405 413 503",
    ),
    (
        "updateSoraCamDeviceDataEntry",
        "put",
        "/sora_cam/devices/{device_id}/data/{time}",
        (path_id("device_id"), TIME),
        "200 400 401 405 413 503",
    ),
    (
        "findFiles",
        "get",
        "/files",
        (
            ("scope", "query", True, {"type": "string", "enum": SCOPES}),
            ("prefix", "query", True, {"type": "string", "minLength": 1}),
            *FILES,
        ),
        "200 400 401 404 405 503",
    ),
    ("getFile", "get", "/files/{scope}/{path}", (SCOPE, path_id("path")), "302 400 401 404 405 503"),
    ("getFileMetadata", "head", "/files/{scope}/{path}", (SCOPE, path_id("path")), "200 400 401 404 405 503"),
    (
        "putFile",
        "put",
        "/files/{scope}/{path}",
        (OWN_SCOPE, path_id("path")),
        "200 201 400 401 403 404 405 412 413 503 507",
    ),
    (
        "deleteFile",
        "delete",
        "/files/{scope}/{path}",
        (OWN_SCOPE, path_id("path")),
        "204 400 401 403 404 405 503 507",
    ),
    ("listFiles", "get", "/files/{scope}/{path}/", (SCOPE, DIRECTORY, *FILES), "200 400 401 404 405 503"),
    (
        "deleteDirectory",
        "delete",
        "/files/{scope}/{path}/",
        (OWN_SCOPE, DIRECTORY),
        "204 400 401 403 404 405 503 507",
    ),
    (
        "downloadFile",
        "get",
        "/downloads/{signed}/{filename}",
        (path_id("signed"), path_id("filename")),
        "200 206 304 403 404 405 412 416 503",
    ),
    (
        "exportDataEntries",
        "post",
        "/data/exports",
        (EXPORT_MODE,),
        "200 400 401 405 413 503 507",
    ),
    (
        "getExportedFile",
        "get",
        "/files/exported/{exported_file_id}",
        (path_id("exported_file_id"),),
        "200 400 401 404 405 503",
    ),
    ("exportSubscribers", "post", "/subscribers/export", (EXPORT_MODE,), "200 400 401 405 503 507"),
    *(
        (
            f"export{service.capitalize()}Stats",
            "post",
            f"/stats/{service}/operators/{{operator_id}}/export",
            (path_id("operator_id"), EXPORT_MODE),
            "200 400 401 404 405 413 503 507",
        )
        for service in ("harvest", "air", "beam", "funk", "funnel")
    ),
    (
        "exportBilling",
        "post",
        "/bills/{yyyyMM}/export",
        (path_id("yyyyMM"), EXPORT_MODE),
        "400 401 404 405",
    ),
    ("exportLatestBilling", "post", "/bills/latest/export", (EXPORT_MODE,), "400 401 404 405"),
    (
        "exportPaymentStatement",
        "post",
        "/payment_statements/{payment_statement_id}/export",
        (path_id("payment_statement_id"), EXPORT_MODE),
        "400 401 404 405",
    ),
    (
        "getHarvestStats",
        "get",
        "/stats/harvest/subscribers/{imsi}",
        (
            path_id("imsi"),
            ("from", "query", True, SECONDS),
            ("to", "query", True, SECONDS),
            ("period", "query", True, {"type": "string", "enum": ["month", "day", "minutes"]}),
        ),
        "200 400 401 405 503",
    ),
    (
        "getHarvestExportedDataStats",
        "get",
        "/stats/harvest/operators/{operator_id}",
        (path_id("operator_id"), ("year_month", "query", False, STRING)),
        "200 400 401 404 405 503",
    ),
    (
        "getApiAuditLogs",
        "get",
        "/audit_logs/api",
        (
            ("api_kind", "query", False, STRING),
            ("from_epoch_ms", "query", False, INTEGER),
            ("to_epoch_ms", "query", False, INTEGER),
            ("limit", "query", False, {"type": "integer", "minimum": 1, "maximum": 1000}),
            ("last_evaluated_key", "query", False, STRING),
        ),
        "200 400 401 403 405 503",
    ),
    *served_people.SERVED,
    *served_groups.SERVED,
    *served_sims.SERVED,
    *served_logs.SERVED,
    ("publish", "post", "/devices/{device_id}/publish", (path_id("device_id"), *PUBLISHED), "201 400 401 405 413 503"),
    (
        "publishToPath",
        "post",
        "/devices/{device_id}/publish/{name}",
        (path_id("device_id"), path_id("name"), *PUBLISHED),
        "201 400 401 405 413 503",
    ),
    ("listBeamKeys", "get", "/minori/beam_keys", (), "200 401 405"),
    ("addBeamKey", "post", "/minori/beam_keys", (), "201 400 401 405 413 503 507"),
    (
        "removeBeamKey",
        "delete",
        "/minori/beam_keys/{beam_key_id}",
        (path_id("beam_key_id"),),
        "204 401 404 405 503 507",
    ),
    ("listIngestTokens", "get", "/minori/ingest_tokens", (), "200 401 405"),
    ("addIngestToken", "post", "/minori/ingest_tokens", (), "201 400 401 405 413 503 507"),
    (
        "removeIngestToken",
        "delete",
        "/minori/ingest_tokens/{ingest_token_id}",
        (path_id("ingest_token_id"),),
        "204 401 404 405 503 507",
    ),
    (
        "ingestBeam",
        "post",
        "/ingest/{operator_id}/beam",
        (path_id("operator_id"), *BEAM),
        "201 400 401 404 405 413 503",
    ),
    (
        "ingestChirpStack",
        "post",
        "/ingest/{operator_id}/chirpstack",
        (path_id("operator_id"), ("event", "query", False, STRING)),
        "201 204 400 401 404 405 413 503",
    ),
    (
        "ingestTheThingsStack",
        "post",
        "/ingest/{operator_id}/tts",
        (path_id("operator_id"),),
        "201 204 400 401 404 405 413 503",
    ),
    (
        "ingestSigfox",
        "post",
        "/ingest/{operator_id}/sigfox",
        (path_id("operator_id"),),
        "201 204 400 401 404 405 413 503",
    ),
    ("tryBinaryParser", "post", "/minori/binary_parser/try", (), "200 400 401 405 413"),
    ("getHealth", "get", "/healthz", (), "200 405 503"),
    ("getMetrics", "get", "/metrics", (), "200 405"),
    ("getOpenApiDocument", "get", "/openapi.json", (), "200 405"),
    ("getDocsPage", "get", "/docs", (), "200 405"),
]
BY_TOKEN = {"ingestChirpStack", "ingestTheThingsStack", "ingestSigfox"}
"""Operations that need an ingest token instead of a login."""

OPEN = {
    "auth",
    "ingestBeam",
    "publish",
    "publishToPath",
    "downloadFile",
    "getHealth",
    "getMetrics",
    "getOpenApiDocument",
    "getDocsPage",
} | served_people.OPEN
PAGED = {each[0] for each in SERVED if any(parameter[0] == "last_evaluated_key" for parameter in each[3])}

DOCUMENT = description.read()


def operations() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in description.METHODS:
            if method in item:
                yield path, method, item[method], item


def follow(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    found: dict[str, Any] = DOCUMENT["components"][kind][name]
    return found


def named(operation_id: str) -> dict[str, Any]:
    return next(operation for _, _, operation, _ in operations() if operation["operationId"] == operation_id)


def test_the_description_names_these_operations_and_no_others() -> None:
    assert {(operation["operationId"], method, path) for path, method, operation, _ in operations()} == {
        each[:3] for each in SERVED
    }


def test_every_route_is_described_and_every_description_has_a_route() -> None:
    described = description.operations(DOCUMENT)
    assert {(route.operation, route.method, f"/v1{route.template}") for route in ROUTES} == {
        (each.id, each.method, each.path) for each in described if each.path.startswith("/v1/")
    }


def test_every_route_names_the_permission_that_the_description_tells() -> None:
    told = {each.id: each.permission for each in description.operations(DOCUMENT)}
    assert {route.operation: route.permission for route in ROUTES} == {
        route.operation: told[route.operation] for route in ROUTES
    }
    assert all(re.fullmatch(r"[A-Z]\w+:[a-z]\w+", route.permission) for route in ROUTES)


@pytest.mark.parametrize(("operation_id", "parameters"), [(each[0], each[3]) for each in SERVED])
def test_parameters_are_the_specs(operation_id: str, parameters: tuple[Any, ...]) -> None:
    described = [follow(each) for each in named(operation_id).get("parameters", ())]
    facts = [
        (each["name"], each["in"], each["required"], {k: v for k, v in each["schema"].items() if k != "format"})
        for each in described
    ]
    assert facts == list(parameters)


@pytest.mark.parametrize(("operation_id", "answers"), [(each[0], each[4]) for each in SERVED])
def test_answers_are_the_specs_and_those_that_any_call_can_meet(operation_id: str, answers: str) -> None:
    is_open = operation_id in OPEN | BY_TOKEN | {"logout"}
    forbidden = set() if is_open else {"403"}
    assert set(named(operation_id)["responses"]) == {*answers.split(), *forbidden}


def test_times_are_64_bits_wide() -> None:
    times = [DOCUMENT["components"]["parameters"][name]["schema"] for name in ("Time", "From", "To")]
    times += [DOCUMENT["components"]["schemas"]["DataEntry"]["properties"]["time"]]
    assert [each["format"] for each in times] == ["int64"] * len(times)


def test_only_the_old_list_of_resources_is_deprecated() -> None:
    assert [each["operationId"] for _, _, each, _ in operations() if each.get("deprecated")] == [
        "listDataSourceResources"
    ]


def test_both_headers_are_asked_for_except_at_login_and_outside_v1() -> None:
    asked = {each["operationId"]: each["security"] for _, _, each, _ in operations()}
    pair: list[Any] = [{"api_key": [], "api_token": []}]
    token: list[Any] = [{"ingest_token": []}]
    assert asked == {name: [] if name in OPEN else token if name in BY_TOKEN else pair for name in asked}
    schemes = DOCUMENT["components"]["securitySchemes"].values()
    assert {(each["name"], each["in"]) for each in schemes if each["type"] == "apiKey"} == {
        ("X-Soracom-API-Key", "header"),
        ("X-Soracom-Token", "header"),
    }


def test_only_the_server_s_own_paths_are_outside_v1() -> None:
    assert DOCUMENT["servers"][0]["url"] == "/v1"
    outside = {path for path, _, _, item in operations() if item.get("servers", [{}])[0].get("url") == "/"}
    fed = {f"/ingest/{{operator_id}}/{feeder}" for feeder in ("beam", "chirpstack", "tts", "sigfox")}
    assert outside == fed | {"/downloads/{signed}/{filename}", "/healthz", "/metrics", "/openapi.json", "/docs"}


def test_paged_answers_and_no_others_carry_the_paging_headers() -> None:
    paged = {
        each["operationId"]
        for _, _, each, _ in operations()
        if set(each["responses"].get("200", {}).get("headers", ())) == {"X-Soracom-Next-Key", "Link"}
    }
    assert paged == PAGED


def test_every_error_has_the_one_shape() -> None:
    for _, _, operation, _ in operations():
        for status, answer in operation["responses"].items():
            if status >= "400" and (operation["operationId"], status) != ("getHealth", "503"):
                schema = follow(answer)["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}


def test_the_examples_of_errors_are_errors_that_exist() -> None:
    known = set(ERRORS.values())
    for operation in description.operations(DOCUMENT):
        for answer in operation.answers:
            if answer.is_error:
                assert (int(answer.status), answer.example["code"]) in known


def test_data_entries_have_the_specs_members() -> None:
    members = DOCUMENT["components"]["schemas"]["DataEntry"]["properties"]
    assert {name: each["type"] for name, each in members.items()} == {
        "category": "string",
        "content": "string",
        "contentType": "string",
        "resourceId": "string",
        "resourceType": "string",
        "time": "integer",
    }
    assert members["resourceType"]["enum"] == TYPES


def test_resource_metadata_has_the_specs_members() -> None:
    members = DOCUMENT["components"]["schemas"]["DataResourceMetadata"]["properties"]
    assert {name: each["type"] for name, each in members.items()} == {
        "attributeNames": "array",
        "lastModifiedTime": "integer",
        "resourceId": "string",
        "resourceType": "string",
    }


def test_file_entries_have_the_specs_members_and_those_seen_in_the_wild() -> None:
    members = DOCUMENT["components"]["schemas"]["FileEntry"]["properties"]
    assert {name: each["type"] for name, each in members.items()} == {
        "contentLength": "integer",
        "contentType": "string",
        "createdTime": "integer",
        "directory": "string",
        "etag": "string",
        "expiryTime": "integer",
        "filePath": "string",
        "filename": "string",
        "isDirectory": "boolean",
        "lastModifiedTime": "integer",
        "operatorId": "string",
    }


def test_an_exported_file_has_the_specs_members_and_ours() -> None:
    members = DOCUMENT["components"]["schemas"]["GetExportedFileResponse"]["properties"]
    assert members["status"]["enum"] == ["processing", "exported", "failed"]
    assert set(members) == {"status", "url", "exportedEntries", "scannedEntries", "message"}


def test_the_login_has_the_specs_members_and_bounds() -> None:
    members = DOCUMENT["components"]["schemas"]["AuthRequest"]["properties"]
    names = {"authKey", "authKeyId", "email", "mfaOTPCode", "operatorId", "password", "tokenTimeoutSeconds", "userName"}
    assert set(members) == names
    seconds = members["tokenTimeoutSeconds"]
    assert (seconds["type"], seconds["default"], seconds["maximum"]) == ("integer", 86400, 172800)
    assert set(DOCUMENT["components"]["schemas"]["AuthResponse"]["properties"]) == {
        "apiKey",
        "operatorId",
        "token",
        "userName",
    }


def test_the_description_bears_the_program_s_version() -> None:
    assert DOCUMENT["info"]["version"] == minori.__version__


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (each for key, each in value.items() if key == "$ref")
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference_ in references(DOCUMENT):
        assert follow({"$ref": reference_})


def test_every_error_that_a_request_can_meet_is_in_the_reference() -> None:
    page = reference.errors_page()
    assert all(f"| `{kind.__name__}` |" in page for kind in ERRORS)


def test_the_page_shows_every_operation_and_every_parameter() -> None:
    page = pages.render(DOCUMENT, "1").decode()
    for operation in description.operations(DOCUMENT):
        assert f'<article id="{operation.id}">' in page
        assert all(f"<code>{each.name}</code>" in page for each in operation.parameters)


def test_the_page_escapes_what_the_description_says() -> None:
    hostile = {**DOCUMENT, "info": {**DOCUMENT["info"], "title": "<script>alert(1)</script>"}}
    page = pages.render(hostile, '"><img src=x>').decode()
    assert "<script" not in page
    assert "<img" not in page


def test_the_page_loads_nothing() -> None:
    page = pages.render(DOCUMENT, "1").decode()
    assert "src=" not in page
    assert "<link" not in page
    assert "url(" not in page
    assert "default-src 'none'" in pages.CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_the_reference_page_is_current(name: str, pytestconfig: pytest.Config) -> None:
    written = pytestconfig.rootpath / "docs" / "reference" / name
    assert written.read_text(encoding="utf-8") == reference.PAGES[name](), "run `make docs`"

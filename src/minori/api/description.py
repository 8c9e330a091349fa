"""The API's description, read: operations and schemas with their references followed.

`openapi.json` beside this file is the only place where the API is described. The page at `/docs` and
`docs/reference/api.md` are made from what this file reads out of it.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from shlex import quote as shell_quote
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

METHODS = ("get", "head", "post", "put", "delete")
EXAMPLE_SERVER = "http://127.0.0.1:8080"


class Parameter(Struct, frozen=True):
    """A path or query parameter. `type` says what it may be, in words; `place` is `path` or `query`."""

    name: str
    place: str
    required: bool
    type: str
    description: str
    example: Any = None


class Body(Struct, frozen=True):
    """What an operation takes: its media types, and the schema and example of the first of them."""

    description: str
    media_types: tuple[str, ...]
    schema: str | None
    example: Any


class Answer(Struct, frozen=True):
    """One status. `schema` is a name in the description, `many` says that it is an array of those."""

    status: str
    description: str
    headers: tuple[str, ...]
    media_type: str | None
    schema: str | None
    many: bool
    example: Any

    @property
    def is_error(self) -> bool:
        """Whether the body, if any, is the error object."""
        return self.schema == "Error"


class Operation(Struct, frozen=True):
    """One method of one path. `path` is whole, `/v1` included; `needs_login` asks for both headers.

    `permission` is what a SAM user needs to call it.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    deprecated: bool
    needs_login: bool
    permission: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    answers: tuple[Answer, ...]


class Member(Struct, frozen=True):
    """A member of a JSON object."""

    name: str
    type: str
    required: bool
    description: str


class Tag(Struct, frozen=True):
    """A group of operations, in the order of the description."""

    name: str
    description: str
    operations: tuple[Operation, ...]


def source() -> bytes:
    """The description as it is served at `/openapi.json`."""
    return files("minori.api").joinpath("openapi.json").read_bytes()


def read() -> dict[str, Any]:
    """The description as an OpenAPI 3.1 document."""
    return msgspec.json.decode(source(), type=dict[str, Any])


def tags(document: Mapping[str, Any]) -> tuple[Tag, ...]:
    """Every operation, under the first of its tags."""
    known = operations(document)
    return tuple(
        Tag(tag["name"], tag["description"], tuple(each for each in known if each.tag == tag["name"]))
        for tag in document["tags"]
    )


def operations(document: Mapping[str, Any]) -> tuple[Operation, ...]:
    """Every operation, in the order of the description."""
    return tuple(
        _operation(document, path, method, item)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    )


def errors(document: Mapping[str, Any]) -> tuple[Answer, ...]:
    """The error answers that operations share, by status."""
    shared = {each.status: each for operation in operations(document) for each in operation.answers if each.is_error}
    return tuple(shared[status] for status in sorted(shared))


def schemas(document: Mapping[str, Any]) -> dict[str, tuple[Member, ...]]:
    """The members of every JSON object that has a name."""
    return {
        name: tuple(
            Member(member, _type(schema), member in whole.get("required", ()), schema.get("description", ""))
            for member, schema in whole["properties"].items()
        )
        for name, whole in document["components"]["schemas"].items()
    }


def curl(operation: Operation) -> str:
    """A call of the operation with its examples, for a shell that has `API_KEY` and `TOKEN`."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(str(parameter.example), safe="/"))
    query = {each.name: each.example for each in operation.parameters if each.place == "query" and each.example}
    method = "" if operation.method == ("POST" if operation.body else "GET") else f"-X {operation.method} "
    if operation.method == "HEAD":
        method = "-I "
    if any(answer.status == "302" for answer in operation.answers):
        method = "-L "
    url = f"{EXAMPLE_SERVER}{path}{'?' if query else ''}{urlencode(query)}"
    lines = [f"curl {method}{shell_quote(url)}"]
    if operation.needs_login:
        lines += ['-H "X-Soracom-API-Key: $API_KEY"', '-H "X-Soracom-Token: $TOKEN"']
    if operation.body:
        example = operation.body.example
        sent = "--data-binary @file" if example is None else f"-d {shell_quote(text(example))}"
        lines += [f"-H 'Content-Type: {operation.body.media_types[0]}'", sent]
    return " \\\n  ".join(lines)


def text(example: Any, indent: int = -1) -> str:
    """An example as JSON: compact, or indented by so many spaces."""
    return msgspec.json.format(msgspec.json.encode(example), indent=indent).decode()


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Operation:
    of = item[method]
    prefix = item.get("servers", document["servers"])[0]["url"].rstrip("/")
    return Operation(
        id=of["operationId"],
        method=method.upper(),
        path=prefix + path,
        tag=of["tags"][0],
        summary=of["summary"],
        description=of["description"],
        deprecated=of.get("deprecated", False),
        needs_login=bool(of["security"]),
        permission=f"{of['tags'][0]}:{of.get('x-sam-operationId', of['operationId'])}",
        parameters=tuple(_parameter(_follow(document, each)) for each in of.get("parameters", ())),
        body=_body(of["requestBody"]) if "requestBody" in of else None,
        answers=tuple(_answer(status, _follow(document, each)) for status, each in sorted(of["responses"].items())),
    )


def _follow(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Mapping[str, Any] = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _parameter(of: Mapping[str, Any]) -> Parameter:
    return Parameter(of["name"], of["in"], of["required"], _type(of["schema"]), of["description"], of.get("example"))


def _body(of: Mapping[str, Any]) -> Body:
    first = next(iter(of["content"].values()))
    return Body(of["description"], tuple(of["content"]), _name(first["schema"]), first.get("example"))


def _answer(status: str, of: Mapping[str, Any]) -> Answer:
    contents: Mapping[str, Any] = of.get("content", {})
    media_type = next(iter(contents), None)
    content: Mapping[str, Any] = contents[media_type] if media_type else {}
    schema: Mapping[str, Any] = content.get("schema", {})
    many = schema.get("type") == "array"
    return Answer(
        status=status,
        description=of["description"],
        headers=tuple(of.get("headers", ())),
        media_type=media_type,
        schema=_name(schema["items"] if many else schema),
        many=many,
        example=content.get("example"),
    )


def _name(schema: Mapping[str, Any]) -> str | None:
    reference: str | None = schema.get("$ref")
    return reference.rpartition("/")[2] if reference else None


def _type(schema: Mapping[str, Any]) -> str:
    named = _name(schema)
    if named is not None:
        return named
    if "$ref" in schema:
        return f"`{_name(schema)}`"
    kind: str = schema.get("type", "any JSON")
    if kind == "array":
        return f"array of {_type(schema['items'])}"
    if kind == "object":
        members: Sequence[str] = tuple(schema.get("properties", ()))
        if members:
            return f"object with {', '.join(members)}"
        return f"object of {schema.get('additionalProperties', {}).get('type', 'string')}s"
    words = [kind]
    if "enum" in schema:
        words = [", ".join(f"`{value}`" for value in schema["enum"])]
    if "minimum" in schema:
        words.append(f"{schema['minimum']} to {schema['maximum']}")
    elif "maximum" in schema:
        words.append(f"up to {schema['maximum']}")
    if "default" in schema:
        words.append(f"default `{schema['default']}`")
    return ", ".join(words)

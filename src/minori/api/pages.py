"""The page at `/docs`: the API's description for people, as one file of HTML that loads nothing."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from re import Match, sub
from typing import Any

from minori.api import description
from minori.api.description import Answer, Member, Operation, Parameter, Tag

_STYLE = files("minori.api").joinpath("docs.css").read_text("utf-8")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own style sheet, and nothing else."""

_LOGIN = """\
curl http://127.0.0.1:8080/v1/auth -H 'Content-Type: application/json' \\
  -d '{"authKeyId":"keyId-…","authKey":"secret-…"}'
export API_KEY=api-…  TOKEN=eyJ…"""


def render(document: Mapping[str, Any], version: str) -> bytes:
    """The page for an OpenAPI document, as UTF-8. `version` is Minori's own."""
    tags = description.tags(document)
    title = document["info"]["title"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        '<a class="skip" href="#start">To the text</a><div class="sheet">',
        _contents(title, tags),
        f'<main id="start"><h1>{escape(title)}</h1>',
        f"<p>{_inline(document['info']['summary'])} Version {escape(version)}.</p>",
        _paragraphs(document["info"]["description"]),
        _code(_LOGIN),
        *(_tag(tag) for tag in tags),
        _errors(description.errors(document)),
        _schemas(description.schemas(document)),
        '<footer>The same as a document for programs: <a href="/openapi.json">openapi.json</a></footer>',
        "</main></div></body></html>\n",
    ]
    return "".join(parts).encode()


def _contents(title: str, tags: Iterable[Tag]) -> str:
    lists = "".join(
        f"<h2>{escape(tag.name)}</h2><ul>{''.join(_contents_line(each) for each in tag.operations)}</ul>"
        for tag in tags
    )
    more = '<h2>Shapes</h2><ul><li><a href="#errors">Errors</a></li><li><a href="#schemas">JSON objects</a></li></ul>'
    return f'<nav aria-label="Contents"><a href="#start"><strong>{escape(title)}</strong></a>{lists}{more}</nav>'


def _contents_line(operation: Operation) -> str:
    return f'<li><a href="#{escape(operation.id)}">{_verb(operation)}<span>{escape(operation.id)}</span></a></li>'


def _verb(operation: Operation) -> str:
    return f'<span class="verb {operation.method.lower()}">{escape(operation.method)}</span>'


def _tag(tag: Tag) -> str:
    articles = "".join(_operation(each) for each in tag.operations)
    name = escape(tag.name)
    return f'<section id="tag-{name}"><h2>{name}</h2><p>{_inline(tag.description)}</p>{articles}</section>'


def _operation(operation: Operation) -> str:
    old = '<span class="old">deprecated</span>' if operation.deprecated else ""
    parts = [
        f'<article id="{escape(operation.id)}"><h3>{escape(operation.summary)}{old}</h3>',
        f'<p class="call">{_verb(operation)} <code>{escape(operation.path)}</code>',
        f"<small>{escape(operation.id)}</small></p>",
        _permission(operation),
        _paragraphs(operation.description),
        _parameters(operation.parameters),
    ]
    if operation.body:
        kinds = " or ".join(f"<code>{escape(kind)}</code>" for kind in operation.body.media_types)
        parts.append(f"<h4>Body</h4><p>{_inline(operation.body.description)} {_shape(operation.body.schema)}</p>")
        parts.append(f"<p>Sent as {kinds}.</p>")
    parts.append(_answers(operation.answers))
    parts.append(f"<h4>Example</h4>{_code(description.curl(operation))}</article>")
    return "".join(parts)


def _permission(operation: Operation) -> str:
    needed = f"<small>Permission of a SAM user: <code>{escape(operation.permission)}</code></small>"
    return f"<p>{needed}</p>" if operation.needs_login else ""


def _parameters(parameters: Iterable[Parameter]) -> str:
    rows = [
        f"<tr><th scope=row><code>{escape(each.name)}</code></th>"
        f"<td>{each.place}{', required' if each.required else ''}</td>"
        f"<td>{_inline(each.description)}<br><small>{_inline(each.type)}</small></td></tr>"
        for each in parameters
    ]
    if not rows:
        return ""
    return f"<h4>Parameters</h4>{_table(('Name', 'Where', 'What'), rows)}"


def _answers(answers: Iterable[Answer]) -> str:
    parts = ["<h4>Answers</h4>"]
    codes = []
    for answer in answers:
        if answer.is_error:
            codes.append(f'<li><a href="#error-{answer.status}">{answer.status}</a></li>')
            continue
        headers = ", ".join(f"<code>{escape(name)}</code>" for name in answer.headers)
        with_headers = f" Headers if there are more: {headers}." if headers else ""
        parts.append(
            f"<p><strong>{answer.status}</strong> {_inline(answer.description)} "
            f"{_shape(answer.schema, many=answer.many)}{with_headers}</p>"
        )
        if answer.example is not None:
            parts.append(_code(description.text(answer.example, indent=2)))
    parts.append(f'<ul class="codes"><li>Errors</li>{"".join(codes)}</ul>')
    return "".join(parts)


def _errors(errors: Iterable[Answer]) -> str:
    rows = [
        f'<tr id="error-{each.status}"><th scope=row>{each.status}</th><td>{_inline(each.description)}'
        f"<br><small>for example</small> <code>{escape(description.text(each.example))}</code></td></tr>"
        for each in errors
    ]
    intro = "An error has this body, under the type <code>application/json</code>."
    return f'<section id="errors"><h2>Errors</h2><p>{intro}</p>{_table(("Status", "When"), rows)}</section>'


def _schemas(schemas: Mapping[str, tuple[Member, ...]]) -> str:
    articles = "".join(
        f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{_members(members)}</article>'
        for name, members in schemas.items()
    )
    return f'<section id="schemas"><h2>JSON objects</h2><p>What bodies and answers are made of.</p>{articles}</section>'


def _members(members: Iterable[Member]) -> str:
    rows = [
        f"<tr><th scope=row><code>{escape(each.name)}</code></th><td>{_inline(each.type)}"
        f"{', always' if each.required else ''}</td><td>{_inline(each.description)}</td></tr>"
        for each in members
    ]
    return _table(("Member", "Type", "What"), rows)


def _shape(schema: str | None, *, many: bool = False) -> str:
    if schema is None:
        return ""
    link = f'<a href="#schema-{escape(schema)}">{escape(schema)}</a>'
    return f"JSON: an array of {link}." if many else f"JSON: {link}."


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th scope=col>{escape(each)}</th>" for each in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _code(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n"))


def _inline(text: str) -> str:
    return sub(r"`([^`]+)`", _marked, escape(text))


def _marked(found: Match[str]) -> str:
    return f"<code>{found[1]}</code>"

"""The reference pages of the API and its errors, made from the description and the table of errors."""

from collections.abc import Iterable, Iterator
from re import sub

import msgspec

from minori.api import description
from minori.api.answers import ERRORS, INTERNAL, REFUSED
from minori.api.description import Answer, Member, Operation, Parameter

_MADE = "<!-- Made from the program by `make docs`; a test compares. -->"
_ERRORS = """\
An error is a JSON object of a `code` and a `message`, under the type `application/json`. Programs go by the status and
the code; the message is a sentence for people and may change. Codes that begin with `MNR` are Minori's own, where no
number of Harvest's has been published. None of them is worth a retry, except 503 and 429 after `Retry-After` seconds.
"""


def api_page() -> str:
    """`docs/reference/api.md`."""
    document = description.read()
    lines = ["# API", "", _MADE, "", document["info"]["description"], ""]
    for tag in description.tags(document):
        lines += [f"## {tag.name}", "", tag.description, ""]
        for operation in tag.operations:
            lines += _operation(operation)
    lines += ["## JSON objects", ""]
    for name, members in description.schemas(document).items():
        lines += [f"### {name}", "", *_members(members), ""]
    return "\n".join(lines)


def errors_page() -> str:
    """`docs/reference/errors.md`."""
    internal = msgspec.json.decode(INTERNAL.body, type=dict[str, str])
    rows = [(status, code, kind.__name__, _first_line(kind)) for kind, (status, code) in ERRORS.items()]
    rows += [(status, code, "", message) for status, (code, message) in sorted(REFUSED.items())]
    rows += [(INTERNAL.status, internal["code"], "", internal["message"])]
    lines = ["# Errors", "", _MADE, "", _ERRORS, *_table(("Status", "Code", "Error", "When"))]
    lines += [
        f"| {status} | `{code}` | {f'`{kind}`' if kind else ''} | {_cell(when)} |" for status, code, kind, when in rows
    ]
    return "\n".join([*lines, ""])


def _operation(operation: Operation) -> Iterator[str]:
    old = " (deprecated)" if operation.deprecated else ""
    yield from (f"### {operation.id}{old}", "", f"`{operation.method} {operation.path}`", "")
    if operation.needs_login:
        yield from (f"Permission: `{operation.permission}`", "")
    yield from (operation.description, "")
    if operation.parameters:
        yield from (*_parameters(operation.parameters), "")
    if operation.body:
        shape = f" JSON: {_link(operation.body.schema)}." if operation.body.schema else ""
        kinds = " or ".join(f"`{kind}`" for kind in operation.body.media_types)
        yield from (f"Body: {operation.body.description}{shape} Sent as {kinds}.", "")
    yield from (*_answers(operation.answers), "")
    yield from ("```bash", description.curl(operation), "```", "")


def _parameters(parameters: Iterable[Parameter]) -> Iterator[str]:
    yield from _table(("Parameter", "Where", "Type", "What"))
    for each in parameters:
        where = f"{each.place}{', required' if each.required else ''}"
        yield f"| `{each.name}` | {where} | {_cell(each.type)} | {_cell(each.description)} |"


def _answers(answers: Iterable[Answer]) -> Iterator[str]:
    failures = []
    yield from _table(("Status", "What", "Body"))
    for each in answers:
        if each.is_error:
            failures.append(each.status)
            continue
        shape = _link(each.schema) if each.schema else f"`{each.media_type}`" if each.media_type else "none"
        yield f"| {each.status} | {_cell(each.description)} | {'array of ' if each.many else ''}{shape} |"
    yield from ("", f"[Errors](errors.md): {', '.join(failures)}.")


def _members(members: Iterable[Member]) -> Iterator[str]:
    yield from _table(("Member", "Type", "What"))
    for each in members:
        kind = f"{each.type}{', always' if each.required else ''}"
        yield f"| `{each.name}` | {_cell(kind)} | {_cell(each.description)} |"


def _table(heads: Iterable[str]) -> Iterator[str]:
    cells = tuple(heads)
    yield f"| {' | '.join(cells)} |"
    yield f"|{' --- |' * len(cells)}"


def _link(schema: str | None) -> str:
    return f"[{schema}](#{schema.lower()})" if schema else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _first_line(kind: type) -> str:
    sentence = (kind.__doc__ or "").partition("\n")[0].partition(". ")[0]
    return sub(r" \((spec|documented|inferred|seen in the wild|our choice)[^)]*\)", "", sentence).rstrip(".")


PAGES = {"api.md": api_page, "errors.md": errors_page}
"""The pages, and what makes each."""

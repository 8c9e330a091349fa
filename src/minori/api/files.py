"""Harvest Files over REST: found, listed, fetched by link, stored and removed."""

from minori.api import downloads, parameters
from minori.api.answers import EMPTY, page, target
from minori.api.services import Services
from minori.codec.fileentry import encode_files, parse_type
from minori.codec.paging import file_key, parse_file_key
from minori.errors import Forbidden, InvalidParameter, NotFound
from minori.http.conditions import is_only_new
from minori.http.delivery import Described, metadata
from minori.http.exchange import Answer, Call, Request
from minori.model.entry import DEFAULT_LIMIT, PAGE_LIMIT
from minori.model.file import PUBLIC

PRIVATE = "private"
"""The scope of an operator's own files (spec); the other one is `public`."""

_NO_STORE = (b"cache-control", b"no-store")


async def find_files(services: Services, call: Call) -> Answer:
    """findFiles: files and directories at any depth whose path begins with `prefix`."""
    request = call.request
    owner = _owner(call, _needed(request, "scope"))
    prefix = _needed(request, "prefix")
    found = await services.files.find(owner, prefix, _after(request), _limit(request))
    next_key = file_key(found.entries[-1].path) if found.more else None
    return page(encode_files(found.entries), request, ("files",), next_key)


async def list_files(services: Services, call: Call) -> Answer:
    """listFiles: what is directly in a directory."""
    request = call.request
    scope, directory = request.params["scope"], request.params["path"]
    found = await services.files.children(_owner(call, scope), directory, _after(request), _limit(request))
    next_key = file_key(found.entries[-1].filename) if found.more else None
    return page(encode_files(found.entries), request, _segments(scope, directory), next_key)


async def get_file(services: Services, call: Call) -> Answer:
    """getFile: a redirection to a link that leads to the bytes; to the list, where the path is a directory's (R24)."""
    scope, path = call.request.params["scope"], call.request.params["path"]
    owner = _owner(call, scope)
    try:
        file = await services.files.file(owner, path)
    except NotFound:
        if not await services.files.is_directory(owner, f"{path}/"):
            raise
        location = target(_segments(scope, f"{path}/"))
    else:
        seconds = services.file_settings.link_seconds
        location = downloads.link(services.links, file.blob.blob_id, file.filename, seconds)
    return Answer(302, headers=((b"location", location.encode()), _NO_STORE))


async def get_file_metadata(services: Services, call: Call) -> Answer:
    """getFileMetadata: size, type and version of a file, in headers alone (R6); a directory has none (our choice)."""
    scope, path = call.request.params["scope"], call.request.params["path"]
    owner = _owner(call, scope)
    file = await services.files.file(owner, path)
    described = Described(file.blob.md5, file.content_type, file.last_modified_time)
    return metadata(call.request, file.blob.size, described)


async def put_file(services: Services, call: Call) -> Answer:
    """putFile: the body becomes the file; 201 where there was none, 200 where one was replaced (R25)."""
    request = call.request
    largest = services.file_settings.file_bytes
    placed = await services.files.put(
        _owner_who_may_write(call),
        request.params["path"],
        parse_type(request.header(b"content-type")),
        request.stream(largest),
        length=request.length,
        largest=largest,
        only_new=is_only_new(request),
    )
    return Answer(201 if placed.created else 200, headers=((b"etag", b'"%b"' % placed.entry.etag.encode()),))


async def delete_file(services: Services, call: Call) -> Answer:
    """deleteFile: gone for good; 404 where there is none (R26)."""
    await services.files.delete_file(_owner_who_may_write(call), call.request.params["path"])
    return EMPTY


async def delete_directory(services: Services, call: Call) -> Answer:
    """deleteDirectory: an empty one is removed; 400 where something is in it (spec)."""
    await services.files.delete_directory(_owner_who_may_write(call), call.request.params["path"])
    return EMPTY


def _owner(call: Call, scope: str) -> str:
    if scope == PRIVATE:
        return call.account
    if scope == PUBLIC:
        return PUBLIC
    raise NotFound("There is no such scope; use private or public")


def _owner_who_may_write(call: Call) -> str:
    owner = _owner(call, call.request.params["scope"])
    if owner == PUBLIC:
        raise Forbidden("Public files can only be read here; `minori files publish` on the server puts them there")
    return owner


def _needed(request: Request, name: str) -> str:
    text = _text(request, name)
    if not text:
        raise InvalidParameter(f"{name} is missing; add it to the query, such as scope=private&prefix=/")
    return text


def _after(request: Request) -> str:
    return parse_file_key(_text(request, "last_evaluated_key"))


def _text(request: Request, name: str) -> str:
    text = request.query(name) or ""
    if "\0" in text:
        raise InvalidParameter(f"{name} holds a NUL, which no path does; leave it out")
    return text


def _limit(request: Request) -> int:
    return parameters.limit(request, DEFAULT_LIMIT, PAGE_LIMIT)


def _segments(scope: str, path: str) -> tuple[str, ...]:
    return ("files", scope, *path.split("/")[1:])

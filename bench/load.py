"""The load: `wrk` for HTTP, `stream.c` for TCP and UDP, each on the core of the load."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from bench.errors import BenchError
from bench.figures import Reading
from bench.payload import payload
from bench.processes import answer, need

_GRACE_SECONDS = 30.0
_TRANSFER_SECONDS = 300.0
_CROWD_SECONDS = 300.0
_WORST = 0.01

_DONE = """
done = function(summary, latency, requests)
  io.write(string.format('\\n{"requests":%d,"microseconds":%d,"p50":%f,"p99":%f,"refused":%d,"broken":%d,"late":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write, summary.errors.timeout))
end
"""

_ROUND_ROBIN = """
local paths = {%s}
local requests, last = {}, 0
init = function(args)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path) end
end
request = function()
  last = last %% #requests + 1
  return requests[last]
end
"""


_FRESH = """
local folders, sent = %d, 0
request = function()
  sent = sent + 1
  return wrk.format("PUT", string.format("%s%%d/%s-%%d", sent %% folders, sent))
end
"""

_BATCHES = """
local items, rest, at, parts = %d, [==[%s]==], os.time() * 1000000, {}
request = function()
  for i = 1, items do
    at = at + 1
    parts[i] = '{"at":' .. string.format("%%d", at) .. "," .. rest
  end
  return wrk.format("POST", "/", nil, "[" .. table.concat(parts, ",") .. "]")
end
"""

_FOLLOW = """
local locations, first, last, plain = {}, 1, 0, {}
response = function(status, headers, body)
  if status == 302 then
    last = last + 1
    locations[last] = headers["Location"] or headers["location"]
  end
end
local ask = request
request = function()
  if first > last then return ask() end
  local location = locations[first]
  locations[first] = nil
  first = first + 1
  return wrk.format("GET", location, plain)
end
"""


class Request(Struct, frozen=True):
    """What is asked over HTTP again and again: `paths` in turn, each with `headers` and perhaps a `body`.

    With `follow`, each redirection is followed, without the headers; the link's answer counts too.
    """

    address: str
    paths: Sequence[str] = ("/",)
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    follow: bool = False


class Batch(Struct, frozen=True):
    """A JSON array that is POSTed again and again: `items` times `body`, an object, each with an `at` of its own.

    Times are UNIX ms far ahead, later in each run than in the one before, and never come twice.
    """

    address: str
    headers: Mapping[str, str]
    body: bytes
    items: int


class Upload(Struct, frozen=True):
    """A `body` that is PUT under ever new paths: `root`, the number of a folder, and a name that begins with `run`."""

    address: str
    root: str
    folders: int
    run: str
    headers: Mapping[str, str]
    body: bytes


def http(core: int, request: Request | Batch | Upload, connections: int, seconds: int, work: Path) -> Reading:
    """Answers a second to `request` over kept-alive connections; any status of 400 and up ends the run."""
    command = wrk(request, connections, seconds, work)
    asked = command[-1]
    figures = answer(core, command, seconds + _GRACE_SECONDS)
    count = figures["requests"]
    if not count:
        raise BenchError(f"No request to {asked} was answered within {seconds} seconds; is the machine busy?")
    if figures["refused"]:
        raise BenchError(f"{figures['refused']} of {count} requests to {asked} were refused")
    failed = figures["broken"] + figures["late"]
    if failed > count * _WORST:
        raise BenchError(f"{failed} of {count} requests to {asked} broke off or came late")
    rate = count / (figures["microseconds"] / 1e6)
    return Reading(rate, figures["p50"] / 1000, figures["p99"] / 1000, failed)


def wrk(request: Request | Batch | Upload, connections: int, seconds: int, work: Path) -> list[str]:
    """The command that asks for so many seconds; its script is in `work`."""
    told = work / "wrk.lua"
    told.write_text(script(request))
    first = request.paths[0] if isinstance(request, Request) and len(request.paths) == 1 else "/"
    command = [need("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(told)]
    return [*command, f"http://{request.address}{first}"]


def script(request: Request | Batch | Upload) -> str:
    """What `wrk` is told, in Lua."""
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()]
    if isinstance(request, Batch):
        lines.append(_BATCHES % (request.items, request.body.decode().removeprefix("{")))
    elif request.body is not None:
        lines += ['wrk.method = "POST"', f"wrk.body = {json.dumps(request.body.decode())}"]
    if isinstance(request, Upload):
        lines.append(_FRESH % (request.folders, request.root, request.run))
    elif isinstance(request, Request) and len(request.paths) > 1:
        lines.append(_ROUND_ROBIN % ",".join(json.dumps(path) for path in request.paths))
        lines += [_FOLLOW] * request.follow
    return "\n".join(lines) + _DONE


def transfer(core: int, kind: str, address: str, path: str, size: int, headers: Mapping[str, str]) -> float:
    """Seconds that one `put` or `get` of `size` bytes over HTTP takes, on a connection of its own."""
    command = [sys.executable, "-m", "bench.transfer", kind, address, path, str(size), json.dumps(headers)]
    return float(answer(core, command, _TRANSFER_SECONDS)["seconds"])


def post_from(core: int, port: int, addresses: Sequence[str], under_way: int, seconds: int) -> Reading:
    """Answers a second to payloads over HTTP, so many under way, from each of the addresses in turn."""
    command = [sys.executable, "-m", "bench.senders", str(port), str(under_way), str(seconds), *addresses]
    figures = answer(core, command, seconds + _GRACE_SECONDS)
    return Reading(figures["rate"], figures["p50_ms"], figures["p99_ms"], figures["failed"])


def stream(core: int, program: Path, kind: str, port: int, senders: int, seconds: int) -> Reading:
    """Answers a second to `senders` over `kind` (`tcp` or `udp`), one payload of each under way.

    `program` is what `stream.c` has become.
    """
    command = [str(program), kind, str(port), str(senders), str(seconds), payload().decode()]
    figures = answer(core, command, seconds + _GRACE_SECONDS)
    return Reading(figures["rate"], figures["p50_ms"], figures["p99_ms"], figures["failed"])


def datagrams(core: int, port: int, senders: int, under_way: int, least: int, seconds: int) -> Reading:
    """Answers a second to payloads over UDP, so many under way, from each of so many addresses in turn.

    It goes on for `seconds`, and until `least` payloads are answered.
    """
    command = [sys.executable, "-m", "bench.datagrams", *map(str, (port, senders, under_way, least, seconds))]
    figures = answer(core, command, seconds + _CROWD_SECONDS)
    return Reading(figures["rate"], failed=figures["failed"])

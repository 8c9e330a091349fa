"""Exports over REST: jobs begun, waited for or polled, and the link to the file that comes of one."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from minori.api import downloads
from minori.api.operators import own
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.exports import parse_data_export, parse_statistics_export
from minori.codec.parquet import is_installed
from minori.errors import InvalidParameter, NotFound
from minori.http.exchange import Answer, Call, Request
from minori.model.export import EXPORTED, ExportJob, Format
from minori.service.exported_data import EXPORT_DATA
from minori.service.exported_tables import EXPORT_HARVEST, EXPORT_SUBSCRIBERS

SYNC_SECONDS = 30
"""How long a caller who does not ask for `async` is kept waiting (our choice)."""

BODY_BYTES = 16_384
"""The largest body of a request for an export (our choice)."""

_host = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z").match


async def export_data_entries(services: Services, call: Call) -> Answer:
    """exportDataEntries: data entries as CSV, JSON Lines or Parquet (our own operation)."""
    wanted = parse_data_export(await call.request.body(BODY_BYTES))
    if wanted.format is Format.PARQUET and not is_installed():
        raise InvalidParameter(
            "This server cannot write Parquet: install pyarrow beside it (the extra minori[parquet]),"
            " or ask for csv or jsonl"
        )
    return await _export(services, call, EXPORT_DATA, msgspec.to_builtins(wanted), "harvest-data", wanted.format)


async def export_harvest_statistics(services: Services, call: Call) -> Answer:
    """exportHarvestStats: how often each subscriber wrote, as CSV."""
    own(call)
    wanted = parse_statistics_export(await call.request.body(BODY_BYTES))
    return await _export(services, call, EXPORT_HARVEST, msgspec.to_builtins(wanted), "harvest-stats")


async def export_subscribers(services: Services, call: Call) -> Answer:
    """exportSubscribers: the operator's subscribers, as CSV. A body means nothing here."""
    return await _export(services, call, EXPORT_SUBSCRIBERS, {}, "subscribers")


async def _export_foreign_statistics(operation: str, name: str, services: Services, call: Call) -> Answer:
    own(call)
    parse_statistics_export(await call.request.body(BODY_BYTES))
    return await _export(services, call, operation, {}, name)


export_air_statistics = partial(_export_foreign_statistics, "exportAirStats", "air-stats")
export_beam_statistics = partial(_export_foreign_statistics, "exportBeamStats", "beam-stats")
export_funk_statistics = partial(_export_foreign_statistics, "exportFunkStats", "funk-stats")
export_funnel_statistics = partial(_export_foreign_statistics, "exportFunnelStats", "funnel-stats")
"""Statistics about what Minori does not do: a CSV file with a header and no lines (our choice)."""


async def export_bill(
    services: Services,  # noqa: ARG001 - every handler is called alike
    call: Call,  # noqa: ARG001 - every handler is called alike
) -> Answer:
    """exportBilling, exportLatestBilling, exportPaymentStatement: there are none to export (our choice)."""
    raise NotFound("Minori sends no bills and no payment statements, so there are none to export")


async def get_exported_file(services: Services, call: Call) -> Answer:
    """getExportedFile: how far an export is, and where its file is once it is done."""
    job, output = services.exports.job(call.account, call.request.params["exported_file_id"])
    told: dict[str, Any] = {"status": job.status, "exportedEntries": job.entries if output is None else output.entries}
    if output is not None and output.scanned:
        told["scannedEntries"] = output.scanned
    if job.status == EXPORTED:
        told["url"] = _url(services, call.request, job)
    if job.message is not None:
        told["message"] = job.message
    return Answer(200, encode_json(told))


async def _export(
    services: Services,
    call: Call,
    operation: str,
    parameters: dict[str, Any],
    name: str,
    written: Format = Format.CSV,
) -> Answer:
    mode = call.request.query("export_mode") or "sync"
    if mode not in ("sync", "async"):
        raise InvalidParameter("export_mode must be sync or async")
    filename = f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{written}"
    exports = services.exports
    export_id = await exports.submit(call.account, operation, parameters, filename, written.media_type)
    if mode == "async":
        # The slash is doubled in the documented answer.
        told = {"exportedFileId": export_id, "exportedFilePath": f"//files/exported/{export_id}"}
    else:
        told = {"url": _url(services, call.request, await exports.finished(export_id, SYNC_SECONDS))}
    return Answer(200, encode_json(told))


def _url(services: Services, request: Request, job: ExportJob) -> str:
    """The link to an exported file: absolute, as the client has come and by its name for this server (our choice).

    Without a usable `Host` it is path-absolute.
    """
    seconds = services.export_settings.link_seconds
    link = downloads.link(services.links, job.blob_id or "", job.filename, seconds)
    host = request.header(b"host") or ""
    return f"{request.scheme}://{host}{link}" if _host(host) else link

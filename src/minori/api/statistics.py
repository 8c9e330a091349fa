"""Statistics of Harvest Data over REST."""

import re

from minori.api import parameters
from minori.api.operators import own
from minori.api.services import Services
from minori.codec.entry import encode_json
from minori.codec.exports import statistics_range
from minori.errors import InvalidParameter
from minori.http.exchange import Answer, Call
from minori.model.resource import Resource, ResourceType
from minori.model.statistics import Period
from minori.service.exported_tables import WRITE

_month = re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])\Z").match


async def get_harvest_statistics(services: Services, call: Call) -> Answer:
    """getHarvestStats: how often a subscriber wrote, by period; periods without writes are left out (our choice)."""
    request = call.request
    imsi = parameters.checked_id(request.params["imsi"])
    text = request.query("period")
    if text not in list(Period):
        raise InvalidParameter(f"period must be one of {', '.join(Period)}")
    first, last = parameters.integer(request, "from"), parameters.integer(request, "to")
    wanted = statistics_range(first, last, Period(text))
    subscriber = Resource(call.account, ResourceType.SUBSCRIBER, imsi)
    writes = await services.statistics.writes(subscriber, wanted)
    told = [{"unixtime": second, "harvestStatsMap": {WRITE: {"count": count}}} for second, count in writes.items()]
    return Answer(200, encode_json(told))


async def get_exported_data_statistics(services: Services, call: Call) -> Answer:
    """getHarvestExportedDataStats: bytes of data entries exported in a month, this one if none is named."""
    own(call)
    month = call.request.query("year_month") or services.statistics.this_month()
    if not _month(month):
        raise InvalidParameter("year_month must be a year and a month in digits, such as 202511")
    exported = await services.statistics.exported_bytes(call.account, month)
    return Answer(200, encode_json({"yearMonth": month, "exportedBytes": exported}))

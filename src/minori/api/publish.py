"""Inventory devices that send by themselves: with their secret, without a login."""

from minori.api.services import Services
from minori.errors import CredentialsMissing, Error
from minori.http.exchange import Answer, Request
from minori.model.payload import Payload
from minori.model.refusal import Origin

SECRET = b"x-device-secret"
TIMESTAMP = b"x-soracom-timestamp"

DOOR = "publish"
"""This way in, in the ingest service's counts."""


async def publish(services: Services, request: Request) -> Answer:
    """publish: the body becomes a data entry of the device; 201, as its clients demand (seen in the wild).

    The secret is in the query or in a header (seen in the wild). What follows `/publish/` means nothing (our choice).

    Shortcomings: those of every request to the API. A secret in a query is one that proxies on the way may log.
    """
    secret = request.query("device_secret")
    # Some devices write a secret into the query as it is: a plus that is none has become a blank.
    secret = secret.replace(" ", "+") if secret else request.header(SECRET)
    origin = Origin(request.address)
    try:
        if not secret:
            raise CredentialsMissing("A device secret is needed: in the query as device_secret, or as X-Device-Secret")
        device = services.vouched.publisher(request.params["device_id"], secret)
        origin = Origin(resource=device)
        sender = services.vouched.device(device.account, device.type, device.id)
        body = await request.body(services.ingest.largest_from(sender))
        # A body may take its time, and the device may store no more by then.
        sender = services.vouched.device(device.account, device.type, device.id)
    except Error as error:
        services.ingest.refuse(DOOR, error, origin, request.length)
        raise
    payload = Payload(body, request.header(b"content-type"), request.header(TIMESTAMP))
    await services.ingest.accept_from(DOOR, sender, payload).durable()
    return Answer(201)

"""Operations on what was refused, as the published definition has them; the unknown senders are our own."""

from typing import Any

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
TYPES = ["Subscriber", "Device", "LoraDevice", "SigfoxDevice", "SoraCam"]
SERVICES = ["Air", "Beam", "Funk", "Funnel", "Harvest", "Napter", "Orbit", "Unified"]

# Operation id, method, path, parameters, answers, as in `test_openapi.SERVED`.
SERVED: list[tuple[str, str, str, tuple[Any, ...], str]] = [
    (
        "getLogs",
        "get",
        "/logs",
        (
            ("resource_type", "query", False, {"type": "string", "enum": TYPES}),
            ("resource_id", "query", False, STRING),
            ("service", "query", False, {"type": "string", "enum": SERVICES}),
            ("from", "query", False, INTEGER),
            ("to", "query", False, INTEGER),
            ("limit", "query", False, INTEGER),
            ("last_evaluated_key", "query", False, STRING),
        ),
        "200 400 401 405 503",
    ),
    (
        "listUnknownSenders",
        "get",
        "/minori/unknown_senders",
        (("limit", "query", False, INTEGER),),
        "200 400 401 405 503",
    ),
]

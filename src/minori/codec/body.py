"""A JSON body, to a value of a known type, with a sentence for whoever sent something else."""

from typing import TypeVar

import msgspec

from minori.errors import InvalidParameter

T = TypeVar("T")


def parse_body(body: bytes, kind: type[T]) -> T:
    """The value in a body; unknown members are passed over. Raises `InvalidParameter`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # The library names the place, `$.groupId`, and the types, never a value.
        raise InvalidParameter(f"The body is not what is taken here: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter("The body is not valid JSON in UTF-8") from error

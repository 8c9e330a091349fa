"""What is said of a setting beside its type: bounds and unit of a number, form of a text, and its help."""

from msgspec import Meta


def number(low: int, high: int, unit: str, explanation: str) -> Meta:
    """A whole number from `low` to `high`, both included."""
    return Meta(ge=low, le=high, description=explanation, extra={"unit": unit})


def text(form: str, explanation: str, *schemes: str) -> Meta:
    """A text of a form that `config.check` knows; `schemes` are those a store's address may have."""
    return Meta(description=explanation, extra={"form": form, "schemes": schemes})

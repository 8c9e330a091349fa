"""Where people and programs come in: the `/v1` REST API and the pages beside it."""

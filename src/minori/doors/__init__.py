"""Where devices come in: one module a protocol."""

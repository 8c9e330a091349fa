"""Frozen values of the field: no I/O, no rules that need a store."""

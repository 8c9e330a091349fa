"""Bytes to model and back: pure functions, no I/O."""

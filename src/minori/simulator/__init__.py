"""Simulated devices: what they send, over which door, and what they are told."""

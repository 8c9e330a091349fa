"""Frozen settings: defaults, then the file, then the environment, then flags."""

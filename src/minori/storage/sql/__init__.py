"""The catalog on SQL databases."""

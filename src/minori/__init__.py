"""Minori: a self-hosted time-series store for IoT payloads that speaks the Soracom Harvest API."""

__version__ = "0.1.0"

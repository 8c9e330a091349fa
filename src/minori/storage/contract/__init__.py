"""The suites that every driver and every wrapper of a store passes, shipped with the package."""

"""Data entries on one machine: the RocksDB driver."""

"""The binary parser: what its formats mean, and payloads read by them."""

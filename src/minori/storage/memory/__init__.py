"""Reference drivers in memory: the oracle of property tests, and a store for programs that need none."""

"""What stops a benchmark: one error, told as one sentence."""


class BenchError(Exception):
    """The run cannot go on; the message says why and what to do next."""

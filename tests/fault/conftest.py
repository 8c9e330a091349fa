"""What the fault tests need of the machine, and of chance."""

import os
import secrets
import shutil
import subprocess
from random import Random

import pytest

from fault.needs import lacking

SEED = "FAULT_SEED"
"""The environment variable that repeats a run: the number a failed test printed."""


@pytest.fixture(scope="session")
def strace() -> str:
    """The `strace` command, able to trace here: without it a test skips at home and fails where `CI` is `true`."""
    found = shutil.which("strace")
    if not found or subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        lacking("strace is missing or may not trace; install it, or allow ptrace in the container")
    return found


@pytest.fixture
def chance() -> Random:
    """Chance, different in each run. pytest shows its seed beside a failure."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    print(f"repeat with {SEED}={seed}")  # noqa: T201 - pytest keeps it for the failure
    return Random(seed)  # noqa: S311 - picks moments, not secrets

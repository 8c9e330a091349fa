"""A server that runs: what it asks of the interpreter."""

import subprocess
import sys

CIRCLES = """
import gc
from weakref import ref
from minori.app.run import NEW_OBJECTS, spare_the_collector

class Circle:
    pass

spare_the_collector()
assert gc.get_freeze_count() > 0
circle = Circle()
circle.itself = circle
gone = ref(circle)
del circle
kept = [[] for _ in range(NEW_OBJECTS // 2)]
assert gone() is not None, "it was looked for too early"
kept += [[] for _ in range(NEW_OBJECTS)]
assert gone() is None, "it was never looked for"
"""


def test_garbage_in_circles_is_seldom_looked_for_and_still_collected() -> None:
    # In a process of its own, which the settings end with.
    subprocess.run([sys.executable, "-c", CIRCLES], check=True)

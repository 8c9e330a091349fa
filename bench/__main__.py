"""`python -m bench`: measure, print the table, and say by the exit code whether all floors are reached."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import msgspec

from bench.errors import BenchError
from bench.figures import Reading, Readings
from bench.machine import describe
from bench.parts import PARTS
from bench.plan import Plan, choose
from bench.processes import ROOT, cores, need
from bench.report import machine, markdown, missed, rows
from bench.rounds import say

_LONGEST = 3600


def main(arguments: list[str]) -> int:
    """Run the benchmark; 0 if every floor is reached, 1 if one is missed, 2 if it could not be measured."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped by SIGTERM"))
    place = (asked.work or ROOT / "bench" / "out").resolve()
    try:
        place.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix="run-", dir=place))
        work.chmod(0o755)
        try:
            return _run(asked, work)
        finally:
            rmtree(work, ignore_errors=True)
    except BenchError as error:
        say(f"bench: {error}")
        return 2
    except KeyboardInterrupt:
        say("bench: stopped")
        return 2


def _run(asked: Namespace, work: Path) -> int:
    for program, package in ("nginx", "nginx-light"), ("wrk", "wrk"), ("taskset", "util-linux"):
        need(program, package)
    core, load_core = cores()
    plan = Plan(core, load_core, asked.seconds, asked.rounds, asked.scale)
    wanted = {figure.name for figure in choose(asked.only)}
    facts = describe(work)
    say("\n".join(f"  {name}: {fact}" for name, fact in facts.items()))
    readings: dict[str, Sequence[Reading]] = {}
    for part in PARTS:
        if (plan.scale or not part.is_large) and any(figure.name in wanted for figure in part.figures):
            readings |= part.run(plan, wanted, work)
    return _tell(plan, wanted, readings, facts, as_json=asked.json)


def _tell(plan: Plan, wanted: set[str], readings: Readings, facts: dict[str, str], *, as_json: bool) -> int:
    parts = {
        part.name: (
            part.title.format(scale=plan.scale),
            rows([figure for figure in part.figures if figure.name in wanted], readings),
        )
        for part in PARTS
    }
    late = missed([row for _, table in parts.values() for row in table])
    if as_json:
        tables = {name: table for name, (_, table) in parts.items()}
        told = {"machine": facts, "seconds": plan.seconds, "rounds": plan.rounds, **tables}
        print(msgspec.json.format(msgspec.json.encode({**told, "entries": plan.scale, "missed": late})).decode())
        return 1 if late else 0
    print(machine(facts))
    print(f"Medians of {plan.rounds} rounds of {plan.seconds} seconds a figure.\n")
    for title, table in parts.values():
        if table:
            print(markdown(title, table))
    print(f"Missed: {', '.join(late)}." if late else "Every floor is reached.")
    return 1 if late else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m bench", description="Measure Minori beside nginx, peers and bare loops, in the same run."
    )
    parser.add_argument("--seconds", type=_count, default=5, help="seconds a figure and round (default: 5)")
    parser.add_argument("--rounds", type=_count, default=5, help="rounds; their median counts (default: 5)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a figure, or what its name begins with; repeatable"
    )
    parser.add_argument(
        "--scale",
        type=int,
        default=1_000_000,
        metavar="N",
        help="entries in the large store (default: 1000000; 0: none, and nothing else that is large)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="where data is written, on the disk to be measured (default: bench/out)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST:
        raise ArgumentTypeError(f"give a whole number from 1 to {_LONGEST}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

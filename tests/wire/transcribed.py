"""Transcripts of what devices send: see `transcripts/README.md`."""

from itertools import groupby
from pathlib import Path

from msgspec import Struct


class Transcript(Struct, frozen=True):
    """`exchanges` are messages with their answers; `stored` is what is kept of them."""

    name: str
    door: str
    exchanges: tuple[tuple[bytes, str], ...]
    stored: tuple[str, ...]


def read(path: Path) -> Transcript:
    """The transcript that a file holds."""
    lines = [(line[0], line[2:]) for line in path.read_text().splitlines()]
    runs = [(mark, [text for _, text in run]) for mark, run in groupby(lines, key=lambda line: line[0])]
    told = dict(runs)
    sent = ["".join(texts).encode().decode("unicode_escape").encode("latin-1") for mark, texts in runs if mark == ">"]
    answers = [texts[0] for mark, texts in runs if mark == "<"]
    return Transcript(path.stem, told["@"][0], tuple(zip(sent, answers, strict=True)), tuple(told.get("=", ())))


TRANSCRIPTS = [read(path) for path in sorted(Path(__file__).with_name("transcripts").glob("*.txt"))]


def at(door: str) -> list[Transcript]:
    """The transcripts of one door."""
    return [transcript for transcript in TRANSCRIPTS if transcript.door == door]


def name(transcript: Transcript) -> str:
    """What a test calls a transcript."""
    return transcript.name

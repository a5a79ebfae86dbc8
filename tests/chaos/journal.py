"""A producer's journal on disk: what it was about to send, and what the broker answered; survives its kill -9."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.ledger import Sent


class Journal:
    """Appends to a file; a line is in the system's hands when `write` returns."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def about_to_send(self, job_id: str, kind: str, follow_ups: int = 0) -> None:
        """Before the first try."""
        self._write(["try", job_id, kind, follow_ups])

    def accepted(self, job_id: str) -> None:
        """The broker's acknowledgement is here."""
        self._write(["ok", job_id])

    def refused(self, job_id: str) -> None:
        """Given up; every answer was a refusal."""
        self._write(["no", job_id])

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _write(self, entry: list[str | int]) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")


def read(files: Iterable[Path]) -> dict[str, Sent]:
    """What all journals say together; a last line that was cut off is left out."""
    sent: dict[str, Sent] = {}
    for file in files:
        for line in file.read_text().splitlines(keepends=True):
            if not line.endswith("\n"):
                continue
            match json.loads(line):
                case ["try", str(job_id), str(kind), int(follow_ups)]:
                    sent.setdefault(job_id, Sent(kind, follow_ups))
                case ["ok", str(job_id)]:
                    sent[job_id].answer = "accepted"
                case ["no", str(job_id)] if sent[job_id].answer == "tried":
                    sent[job_id].answer = "refused"
    return sent

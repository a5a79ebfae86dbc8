"""The index: a row for each dead letter, without its body, in an SQLite database in memory, and the groups by error.

Whoever acts on a letter asks the broker for it; here it is only found.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nightshift.cli.queries.dead_letters import Letter
from nightshift.console.letters.fingerprint import fingerprint, pattern_of
from nightshift.console.letters.group import Group
from nightshift.console.letters.wanted import Wanted, conditions
from nightshift.contract import wire
from nightshift.text import storable

PAGE = 50
_LONGEST_ERROR = 2_000
_END = 2**63
"""Of the whole numbers that SQLite has."""
_SCHEMA = """
CREATE TABLE letters (
  service TEXT NOT NULL, sequence INTEGER NOT NULL, type TEXT NOT NULL, job_id TEXT NOT NULL, reason TEXT NOT NULL,
  error TEXT NOT NULL, grouped TEXT NOT NULL, attempts INTEGER NOT NULL, died REAL NOT NULL,
  tenant TEXT NOT NULL,
  PRIMARY KEY (service, sequence)
) WITHOUT ROWID;
CREATE INDEX by_time ON letters (died, service, sequence);
CREATE INDEX by_group ON letters (grouped, died);
CREATE INDEX by_job ON letters (job_id);
"""


_Stored = tuple[str, int, str, str, str, str, str, int, float, str]


class Row(NamedTuple):
    """A dead letter in the index."""

    service: str
    sequence: int
    type: str
    job_id: str
    reason: str
    error: str
    group: str
    attempts: int
    died: datetime
    tenant: str

    @property
    def place(self) -> str:
        """Where a page of older ones goes on."""
        return f"{self.died.timestamp()!r}:{self.service}:{self.sequence}"


class LetterIndex:
    """Rows and groups; groups are kept as rows come and go."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._groups: dict[str, Group] = {}
        self.counts: dict[str, int] = {}
        """How many letters of each service are in it."""
        self.version = 0
        """Counts what has come and gone."""

    def add(self, service: str, letters: Sequence[Letter]) -> None:
        """Take letters in; one that is in it already stays as it is."""
        known = self._sequences(service, [letter.sequence for letter in letters])
        new = [letter for letter in letters if letter.sequence not in known]
        patterns = [pattern_of(letter.error) for letter in new]
        rows = [self._row(service, letter, pattern) for letter, pattern in zip(new, patterns, strict=True)]
        with self._at_once():
            self._database.executemany("INSERT INTO letters VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        self.counts[service] = self.counts.get(service, 0) + len(new)
        self.version += len(new)
        for letter, pattern in zip(new, patterns, strict=True):
            self._count(service, letter, pattern)

    def remove_before(self, service: str, sequence: int) -> None:
        """Forget what the stream no longer has at its beginning."""
        self._remove("service = ? AND sequence < ?", (service, sequence))

    def remove(self, service: str, sequences: Collection[int]) -> None:
        """Forget letters that are gone."""
        with self._at_once():
            for sequence in sequences:
                self._remove("service = ? AND sequence = ?", (service, sequence))

    def clear(self, service: str) -> None:
        """Forget all of a service."""
        self._remove("service = ?", (service,))

    def groups(self, wanted: Wanted) -> list[Group]:
        """Return the groups of a service and reason, the largest first."""
        found = (group for group in self._groups.values() if group.count > 0)
        return sorted(
            (
                group
                for group in found
                if (not wanted.service or group.service == wanted.service)
                and (not wanted.reason or group.reason == wanted.reason)
                and wanted.error.lower() in group.pattern.lower()
            ),
            key=lambda group: (-group.count, group.pattern),
        )

    def group(self, name: str) -> Group | None:
        """Return a group by its name."""
        return self._groups.get(name)

    def page(self, wanted: Wanted, before: str = "") -> list[Row]:
        """Return at most a page of letters, the newest first, older than the place that the last page ended at.

        Raises:
            ValueError: `before` is no such place.
        """
        clauses, values = conditions(wanted)
        if before:
            died, service, sequence = before.split(":")
            clauses.append("(died, service, sequence) < (?, ?, ?)")
            values += [float(died), service, _sequence(sequence)]
        query = f"SELECT * FROM letters {_where(clauses)} ORDER BY died DESC, service DESC, sequence DESC LIMIT {PAGE}"  # noqa: S608
        return [read_row(row) for row in self.query(query, values)]

    def count(self, wanted: Wanted) -> int:
        """Return how many letters there are."""
        clauses, values = conditions(wanted)
        ((found,),) = self.query(f"SELECT count(*) FROM letters {_where(clauses)}", values)  # noqa: S608
        return int(found)

    def query(self, query: str, values: Sequence[object]) -> list[Any]:
        """Return the rows, tuples of its columns, that a query of the table `letters` finds."""
        return self._database.execute(query, values).fetchall()

    def of_job(self, job_id: str) -> list[Row]:
        """Return the letters of a job."""
        found = self._database.execute("SELECT * FROM letters WHERE job_id = ? LIMIT 100", (storable(job_id),))
        return [read_row(row) for row in found]

    def newest(self, service: str) -> int:
        """Return the highest sequence of a service; 0 if it has none."""
        (found,) = self._database.execute("SELECT max(sequence) FROM letters WHERE service = ?", (service,)).fetchone()
        return found or 0

    def close(self) -> None:
        """Give back its memory."""
        self._database.close()

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Make many changes in one transaction, which is quicker."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _count(self, service: str, letter: Letter, pattern: str) -> None:
        reason, died = storable(letter.reason), letter.died
        name = fingerprint(service, reason, pattern)
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name, service, reason, pattern, 0, died, died)
        group.count += 1
        group.first, group.last = min(group.first, died), max(group.last, died)

    @staticmethod
    def _row(service: str, letter: Letter, pattern: str) -> _Stored:
        reason = storable(letter.reason)
        return (
            service,
            letter.sequence,
            storable(letter.type),
            storable(letter.job_id),
            reason,
            storable(letter.error[:_LONGEST_ERROR]),
            fingerprint(service, reason, pattern),
            letter.attempts,
            letter.died.timestamp(),
            storable(letter.message.headers.get(wire.TENANT, "")),
        )

    def _sequences(self, service: str, sequences: Sequence[int]) -> set[int]:
        if not sequences:
            return set()
        query = "SELECT sequence FROM letters WHERE service = ? AND sequence BETWEEN ? AND ?"
        return {row[0] for row in self._database.execute(query, (service, min(sequences), max(sequences)))}

    def _remove(self, condition: str, values: Iterable[object]) -> None:
        query = f"DELETE FROM letters WHERE {condition} RETURNING service, grouped"  # noqa: S608 - ours
        for service, group in self._database.execute(query, tuple(values)).fetchall():
            self.counts[service] -= 1
            self.version += 1
            self._groups[group].count -= 1
            if not self._groups[group].count:
                del self._groups[group]


def read_row(row: _Stored) -> Row:
    """Return a row of the table."""
    return Row(*row[:8], datetime.fromtimestamp(row[8], UTC), row[9])


def _sequence(text: str) -> int:
    number = int(text)
    if not 0 <= number < _END:
        raise ValueError(text)
    return number


def _where(clauses: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""

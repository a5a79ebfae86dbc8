"""Which dead letters of the index: a filter, bounded by a sequence of each service, as a condition in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from nightshift.cli.queries.dead_letters import Place
from nightshift.console.letters.index import LetterIndex, Row, read_row
from nightshift.console.letters.wanted import Wanted, conditions
from nightshift.text import storable

_SAMPLES = 5


class Kind(NamedTuple):
    """Letters of one service, type and reason, and how many there are."""

    service: str
    type: str
    reason: str
    letters: int


class Summary(NamedTuple):
    """What a filter selects."""

    letters: int
    kinds: Sequence[Kind]
    oldest: datetime | None
    newest: datetime | None
    samples: Sequence[Row]


def newest_of_each(index: LetterIndex) -> dict[str, int]:
    """Return the highest sequence of each service: what dies later is not meant."""
    found = index.query("SELECT service, max(sequence) FROM letters GROUP BY service", ())
    return {str(service): int(sequence) for service, sequence in found}


def summary(index: LetterIndex, wanted: Wanted, until: Mapping[str, int]) -> Summary:
    """Return how many a filter selects, of which kinds, from when to when, and some of them."""
    where, values = _where(wanted, until)
    kinds = [
        Kind(str(service), str(job_type), str(reason), int(count))
        for service, job_type, reason, count in index.query(
            f"SELECT service, type, reason, count(*) FROM letters {where} GROUP BY 1, 2, 3 ORDER BY 4 DESC",  # noqa: S608 - ours
            values,
        )
    ]
    query = f"SELECT * FROM letters {where} ORDER BY died {{}} LIMIT {{}}"  # noqa: S608 - ours
    samples = [read_row(row) for row in index.query(query.format("DESC", _SAMPLES), values)]
    oldest = [read_row(row).died for row in index.query(query.format("ASC", 1), values)]
    return Summary(
        letters=sum(kind.letters for kind in kinds),
        kinds=kinds,
        oldest=oldest[0] if oldest else None,
        newest=samples[0].died if samples else None,
        samples=samples,
    )


def places(
    index: LetterIndex, wanted: Wanted, until: Mapping[str, int], after: Mapping[str, int], limit: int
) -> list[Place]:
    """Return the next letters of the first service that has any, the oldest first."""
    for service in sorted(until):
        where, values = _where(wanted, {service: until[service]})
        query = f"SELECT service, sequence, type FROM letters {where} AND sequence > ? ORDER BY sequence LIMIT ?"  # noqa: S608 - ours
        found = index.query(query, (*values, after.get(service, 0), limit))
        if found:
            return [Place(str(one), int(sequence), str(job_type)) for one, sequence, job_type in found]
    return []


def count_after(index: LetterIndex, wanted: Wanted, until: Mapping[str, int], after: Mapping[str, int]) -> int:
    """Return how many a filter selects behind a sequence of each service."""
    found = 0
    for service in until:
        where, values = _where(wanted, {service: until[service]})
        query = f"SELECT count(*) FROM letters {where} AND sequence > ?"  # noqa: S608 - ours
        ((count,),) = index.query(query, (*values, after.get(service, 0)))
        found += int(count)
    return found


def _where(wanted: Wanted, until: Mapping[str, int]) -> tuple[str, tuple[object, ...]]:
    bounds, values = list[str](), list[object]()
    for service, sequence in sorted(until.items()):
        bounds.append("(service = ? AND sequence <= ?)")
        values += [storable(service), sequence]
    clauses, more = conditions(wanted)
    of_services = f"({' OR '.join(bounds) or 'FALSE'})"
    return f"WHERE {' AND '.join([of_services, *clauses])}", (*values, *more)

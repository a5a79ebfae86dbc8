"""When the letters of a group died."""

from datetime import datetime

from nightshift.console.letters.index import LetterIndex

_COUNTS = """
WITH RECURSIVE
  given (name, since, seconds, steps) AS (SELECT ?, ?, ?, ?),
  step (at, until) AS (
    SELECT since, since + seconds FROM given
    UNION ALL SELECT until, until + seconds FROM step, given WHERE until < since + (steps - 0.5) * seconds
  )
SELECT (SELECT count(*) FROM letters WHERE grouped = name AND died >= at AND died < until) FROM step, given
"""
"""By the index of groups and times alone, however many letters there are."""


def deaths(index: LetterIndex, group: str, since: datetime, until: datetime, steps: int) -> list[int]:
    """Return how many of a group died in each of so many equal steps of a time."""
    seconds = max((until - since).total_seconds(), 1.0) / steps
    return [int(count) for (count,) in index.query(_COUNTS, (group, since.timestamp(), seconds, steps))]

"""How selected dead letters are called, in questions and in the record of actions."""

from collections.abc import Sequence

from nightshift.cli.queries.dead_letters import Place
from nightshift.cli.terminal.formatting import plural


def named(found: Sequence[Place]) -> str:
    """Name the letters: the only one, else their services."""
    if len(found) == 1:
        return f"{found[0].service}:{found[0].sequence}"
    return ", ".join(sorted({place.service for place in found}))


def summary(found: Sequence[Place]) -> str:
    """Return how many there are, and of which types; of one, which job it is."""
    kinds = sorted({place.type for place in found})
    if len(found) == 1 and found[0].job_id:
        kinds.append(f"job {found[0].job_id}")
    return f"{plural(len(found), 'dead letter')} ({', '.join(kinds[:5])}{', …' if len(kinds) > 5 else ''})"  # noqa: PLR2004 - as many as one line holds

"""How selected dead letters are called, in questions and in the record of actions."""

from collections.abc import Sequence

from nightshift.cli.queries.dead_letters import Place
from nightshift.cli.terminal.formatting import plural


def named(found: Sequence[Place]) -> str:
    """Name the letters: the only one, else their services."""
    if len(found) == 1:
        return f"{found[0].service}:{found[0].sequence}"
    return ", ".join(sorted({place.service for place in found}))


def kind_and_job(job_type: str, job_id: str) -> str:
    """Return the type of one letter and its job in brackets, for the record of actions."""
    return f"({job_type}, job {job_id})" if job_id else f"({job_type})"


def names_job(what: str, job_id: str) -> bool:
    """Return whether the record says in this way that an action was about a job."""
    return f", job {job_id})" in what


def summary(found: Sequence[Place]) -> str:
    """Return how many there are, and of which types; of one, which job it is."""
    if len(found) == 1:
        return f"1 dead letter {kind_and_job(found[0].type, found[0].job_id)}"
    kinds = sorted({place.type for place in found})
    return f"{plural(len(found), 'dead letter')} ({', '.join(kinds[:5])}{', …' if len(kinds) > 5 else ''})"  # noqa: PLR2004 - as many as one line holds

"""Which handler works off which job type, with its decoder made once."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nightshift.backoff import Retries
from nightshift.contract import wire
from nightshift.contract.constraints import empty_body_error, explain
from nightshift.contract.message import Message
from nightshift.messaging.job import Handler, Job
from nightshift.text import did_you_mean

__all__ = [
    "NO_ROUTE",
    "Handler",
    "IncompleteServiceError",
    "Route",
    "check_complete",
    "route",
    "unknown",
]

DeadLetterHook = Callable[[Any, Job, str], Awaitable[None]]
"""Told of a job that is given up on: its message, the job, the reason. Called again if what follows fails."""


@dataclass(slots=True, frozen=True)
class Route:
    """How jobs of one type are worked off.

    `inbox` says that each job is done once and its effects are committed; without it nothing is remembered, the
    handler may run again for a duplicate, and it can neither write nor enqueue. `timeout_seconds` overrides the
    service's setting. `retries` is how often jobs are tried. `empty_body_error` is what is said of a body with nothing
    in it. `on_dead_letter` is told of every job that is given up on (refused, out of attempts, timed out, killing its
    worker) before its dead letter is stored; it may be told more than once, and what it wants written it writes itself.
    """

    handler: Handler
    decode: Callable[[bytes], Any]
    inbox: bool = True
    timeout_seconds: float | None = None
    retries: Retries = field(default_factory=Retries)
    empty_body_error: str = "the body is empty"
    on_dead_letter: DeadLetterHook | None = None

    def refusal(self, error: Exception, body: bytes) -> str:
        """Return what is said of a body that could not be decoded."""
        return explain(error, body) if body.strip() else self.empty_body_error


class IncompleteServiceError(Exception):
    """A service's handlers do not fit its contracts; the text names the types and says what to do."""


async def _no_handler(_message: Any, job: Job) -> None:
    raise LookupError(f"there is no handler for {job.type}")


NO_ROUTE = Route(_no_handler, bytes, inbox=False, retries=Retries(most=12))
"""The route of a job whose type has no handler here; it is tried for as long as a rolling deploy takes."""


def route(
    message: type[Message],
    handler: Handler,
    *,
    inbox: bool = True,
    timeout_seconds: float | None = None,
    retries: Retries | None = None,
    on_dead_letter: DeadLetterHook | None = None,
) -> Route:
    """Return the route of a message and its handler, for what runs jobs of no declared service: tests, measurements.

    `retries` is for a message whose class is not yours: else its `RETRIES` say it, where everybody can read them.

    Raises:
        ValueError: the handler is given more time than its contract says.
    """
    return Route(
        handler,
        msgspec.json.Decoder(message).decode,
        inbox,
        _time_limit(message, timeout_seconds),
        retries or message.RETRIES,
        empty_body_error(message),
        on_dead_letter,
    )


def _time_limit(message: type[Message], seconds: float | None) -> float | None:
    most = message.TIMEOUT_SECONDS
    if seconds is not None and most is not None and seconds > most:
        raise ValueError(
            f"the handler of {message.TYPE} is given {seconds:g} s, its contract says {most:g}: raise that"
        )
    return most if seconds is None else seconds


def check_complete(service: str, table: Mapping[str, Route], job_types: Iterable[str]) -> None:
    """Refuse a service that has no handler for one of its job types, or one for a type that is not among them.

    Raises:
        IncompleteServiceError: a mistake of the program, found at its start.
    """
    mine = set(job_types)
    offered = {name for name in table if not wire.is_event(name)}
    complaints = [f"{name} is in the contracts, and has no handler: add one" for name in sorted(mine - offered)]
    complaints += [
        f"{name} has a handler, and is in no contract{did_you_mean(name, mine)}" for name in sorted(offered - mine)
    ]
    if complaints:
        raise IncompleteServiceError(f"service {service}: {'; '.join(complaints)}")


def unknown(job_type: str, table: Mapping[str, Route]) -> str:
    """What is wrong with a type that has no handler here, and what may have been meant."""
    hint = did_you_mean(job_type, table)
    return f"no handler for {job_type}{hint} (this service knows {', '.join(sorted(table)) or 'none'})"

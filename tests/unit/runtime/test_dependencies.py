"""Checks of a service's outside dependencies."""

import asyncio

from nightshift.runtime.dependencies import Dependencies
from nightshift.topology.discovery import CheckResult


async def test_a_check_that_returns_is_ok_and_one_that_raises_is_not() -> None:
    """The exception's text is the reason, on one line and without secrets; results keep their order."""
    dependencies = Dependencies()

    async def refuse() -> None:
        raise OSError("cannot reach\nhttps://u:pw@api.example.com")

    async def accept() -> None:
        pass

    dependencies.register("API", refuse)
    dependencies.register("mail server", accept)
    assert await dependencies.check() == [
        CheckResult("API", ok=False, error="cannot reach https://***@api.example.com"),
        CheckResult("mail server", ok=True),
    ]


async def test_checks_run_at_the_same_time_and_each_within_its_bound() -> None:
    """One that hangs is a failure after the time it has, and holds up no other."""
    dependencies = Dependencies(timeout_seconds=0.05)
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await both.wait()

    async def hang() -> None:
        await asyncio.Event().wait()

    dependencies.register("one", meet)
    dependencies.register("hanging", hang)
    dependencies.register("two", meet)
    assert [(result.ok, result.error) for result in await dependencies.check()] == [
        (True, ""),
        (False, "no answer within 0.05 s"),
        (True, ""),
    ]


async def test_without_any_check_there_is_no_result() -> None:
    """Most services depend on nothing but the stack itself."""
    assert await Dependencies().check() == []

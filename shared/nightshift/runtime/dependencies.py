"""Checks of the outside dependencies of a service (a mail server, an API), run when the operator asks for them."""

import asyncio
from collections.abc import Awaitable, Callable

from nightshift.config.redaction import single_line
from nightshift.deadline import within
from nightshift.topology.discovery import CHECKS_SECONDS, CheckResult

DependencyCheck = Callable[[], Awaitable[None]]
"""Returns when the dependency can be used; raises an exception whose text says why not, and what to do."""

_ERROR_BYTES = 500


class Dependencies:
    """The outside dependencies of a service. Readiness does not depend on them: without them, jobs wait."""

    def __init__(self, *, timeout_seconds: float = CHECKS_SECONDS) -> None:
        """Give each check `timeout_seconds`; they run at the same time."""
        self._timeout_seconds = timeout_seconds
        self._checks: dict[str, DependencyCheck] = {}

    def register(self, name: str, check: DependencyCheck) -> None:
        """Add a check; `name` is what the operator reads, such as `mail server smtp.example.com:587`."""
        self._checks[name] = check

    async def check(self) -> list[CheckResult]:
        """Run every check once; return the results in the order of registration."""
        return list(await asyncio.gather(*(self._run(name, check) for name, check in self._checks.items())))

    async def _run(self, name: str, check: DependencyCheck) -> CheckResult:
        try:
            await within(self._timeout_seconds, check())
        except TimeoutError as error:
            return CheckResult(name, ok=False, error=str(error) or f"no answer within {self._timeout_seconds:g} s")
        except Exception as error:  # noqa: BLE001 - whatever a check raises is its result
            return CheckResult(name, ok=False, error=single_line(str(error) or type(error).__name__, _ERROR_BYTES))
        return CheckResult(name, ok=True)

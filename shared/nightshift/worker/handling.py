"""Running a job's handler: within its time, until it returns, fails, or somebody cancels it."""

import asyncio
import time
from datetime import timedelta

from nightshift.messaging.errors import HandlerTimeoutError, InnerCancellationError, StoppedError
from nightshift.outcomes import Skip
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import Route
from nightshift.worker.verdict import SKIPPED


class Handling:
    """Runs the handler of a route."""

    def __init__(self, route: Route, limits: JobLimits) -> None:
        self._handler, self._seconds = route.handler, route.timeout_seconds or limits.timeout_seconds
        self._attempts, self._timeout = limits.attempts(route.retries), timedelta(seconds=self._seconds)

    async def __call__(self, in_flight: InFlightJob) -> None:
        """Run the handler within its time limit.

        Raises:
            HandlerTimeoutError: it took longer than it may.
            StoppedError: somebody has cancelled the job.
            InnerCancellationError: something that it awaited was cancelled.
            Exception: whatever it raises, but for `Skip`.
        """
        job = in_flight.job
        job.timeout = self._timeout
        job.is_last_attempt = job.attempt >= self._attempts and not in_flight.is_event
        if in_flight.stopped:
            raise StoppedError("it was cancelled before it ran")
        in_flight.start_timer(self._seconds)
        job.started_at = time.perf_counter()
        try:
            await self._handler(in_flight.message, job)
        except Skip:
            job.discard_effects()
            in_flight.ending, job.outcome = SKIPPED, SKIPPED.outcome
        except asyncio.CancelledError:
            if in_flight.stopped:
                raise StoppedError("it was cancelled while it ran") from None
            if in_flight.timed_out:
                text = f"the handler took longer than {self._seconds:g} s and was cancelled"
                raise HandlerTimeoutError(text) from None
            if not in_flight.cancelled:
                raise InnerCancellationError("something that the handler awaited was cancelled") from None
            raise
        finally:
            in_flight.stop_timer()

"""Stops jobs that this worker has, when somebody cancels them."""

import msgspec

from nightshift.broker import Connection
from nightshift.contract.job_events import CancelJob
from nightshift.observability.log import get_logger
from nightshift.topology.discovery import CANCEL, cancel_subject
from nightshift.worker.job_news import JobNews
from nightshift.worker.worker import Worker

_decode = msgspec.json.Decoder(CancelJob).decode
_log = get_logger("worker")


class Stopping:
    """Listens on `workers.cancel.<service>.>`, and stops the jobs of one worker that are named there."""

    def __init__(self, service: str, connection: Connection, worker: Worker, news: JobNews) -> None:
        self._subject, self._connection = cancel_subject(f"{service}.>"), connection
        self._worker, self._news = worker, news

    async def listen(self) -> None:
        """Begin to listen; the subscription survives reconnects."""
        await self._connection.listen(self._subject, self.receive)

    def receive(self, subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        """Stop a job if it is here, and tell that it is. What is no request stops nothing."""
        try:
            job_type, asked = subject.decode().removeprefix(f"{CANCEL}."), _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for in_flight in self._worker.held():
            if in_flight.job.goes_by(job_type, asked.id):
                _log.info("cancelled", f"{job_type} {asked.id}: somebody has cancelled it")
                self._news.tell_how_far(in_flight)
                in_flight.stop()

"""The runner of the demo: the running stack, and the expectations that its scenes check."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Executable

from nightshift.broker import Connection
from nightshift.broker.direct_get import read_all
from nightshift.broker.jetstream import manage
from nightshift.broker.message import StoredMessage
from nightshift.database import Database
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import S3ObjectStore
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import later_stream, queue_stream

TIMEOUT_SECONDS = 40.0
SCHEDULER = "scheduler"
_WIDTH = 60

Check = Callable[[], Awaitable[Any] | Any]


@dataclass(slots=True)
class Result:
    """Whether an expectation was met; `where` says what to open to see it."""

    scene: str
    expectation: str
    met: bool
    seconds: float
    where: str


@dataclass(slots=True)
class Stage:
    """The running stack, a producer's connection to it, and the results so far."""

    stack: Stack
    services: Sequence[Service]
    connection: Connection
    publisher: Publisher
    database: Database
    objects: S3ObjectStore
    console: Console
    out: Path
    results: list[Result] = field(default_factory=list)
    scene: str = ""

    @property
    def schedulers(self) -> list[Service]:
        """The schedulers, which are started by their scene."""
        return [service for service in self.services if service.name.startswith(SCHEDULER)]

    def begin(self, scene: str, text: str) -> None:
        """Print the title of a scene."""
        self.scene = scene
        self.console.print(f"\n[bold]{scene}[/bold]  {text}")

    def note(self, text: str) -> None:
        """Print what is being done."""
        self.console.print(f"  [dim]{text}[/dim]", highlight=False)

    async def expect(
        self, expectation: str, check: Check, *, where: str = "", timeout_seconds: float = TIMEOUT_SECONDS
    ) -> Any:
        """Wait until the check returns something; return that, or None after `timeout_seconds` seconds."""
        started = time.monotonic()
        seen: Any = None
        with self.console.status(f"  {expectation} …"):
            while not seen and time.monotonic() - started < timeout_seconds:
                try:
                    seen = check()
                    seen = await seen if isinstance(seen, Awaitable) else seen
                except Unavailable:
                    seen = None
                if not seen:
                    await asyncio.sleep(0.05)
        seconds, where = time.monotonic() - started, self._near(where)
        self.results.append(Result(self.scene, expectation, bool(seen), seconds, where))
        mark = "[green]ok[/green]  " if seen else "[red]FAIL[/red]"
        self.console.print(f"  {mark} {expectation}  [dim]{where}[/dim]", highlight=False)
        return seen or None

    def _near(self, where: str) -> str:
        """Return a path inside the demo's folder relative to it."""
        path = Path(where)
        return str(path.relative_to(self.stack.folder)) if path.is_relative_to(self.stack.folder) else where

    def mails(self, recipient: str) -> list[Path]:
        """Return the files of the mails to this recipient."""
        return [mail for mail in messages(self.stack.mail.mailbox) if recipient in mail.read_text("utf-8", "replace")]

    async def dead_letters(self, stream: str, job_id: str) -> list[StoredMessage]:
        """Return the dead letters of a job."""
        found = await read_all(self.connection, stream)
        return [letter for letter in found if letter.headers.get("Job-Id") == job_id]

    async def waiting(self, service: str) -> int:
        """Count the jobs of a service that wait, are scheduled, or in flight."""
        counts = [
            (await manage(self.connection, f"STREAM.INFO.{stream}"))["state"]["messages"]
            for stream in (queue_stream(service), later_stream(service))
        ]
        return sum(counts)

    async def rows(self, query: Executable) -> list[Any]:
        """Return the rows of a query."""
        async with self.database.read() as connection:
            return list((await connection.execute(query)).mappings().all())

    @property
    def failed(self) -> list[Result]:
        """The expectations that were not met."""
        return [result for result in self.results if not result.met]

    def table(self) -> Table:
        """Return the results, a row for each scene."""
        table = Table("scene", "expectations met", "slowest", "where to look", title="What happened")
        for scene in dict.fromkeys(result.scene for result in self.results):
            results = [result for result in self.results if result.scene == scene]
            met = sum(result.met for result in results)
            colour = "green" if met == len(results) else "red"
            where = ", ".join(dict.fromkeys(result.where for result in results if result.where))
            slowest = max(result.seconds for result in results)
            short = where if len(where) <= _WIDTH else f"{where[:_WIDTH]} …"
            table.add_row(scene, f"[{colour}]{met} of {len(results)}[/{colour}]", f"{slowest:.1f} s", short)
        return table

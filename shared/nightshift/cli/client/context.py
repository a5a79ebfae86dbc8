"""The context of a command: its output, and connections that are opened on first use."""

import argparse
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nightshift.broker import Connection, connect
from nightshift.cli.client.operator_name import operator_name
from nightshift.cli.client.settings import OperatorSettings
from nightshift.cli.terminal.exit_codes import UNAVAILABLE, WRONG_USE, CommandError, UsageError
from nightshift.cli.terminal.output import Output
from nightshift.config.datastore_settings import database_url
from nightshift.config.extras import extra
from nightshift.contract.catalogue import load_catalogue
from nightshift.messaging.audit import Action, Audit, Result
from nightshift.messaging.audit_backlog import AuditBacklog, usual_file
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.runtime.tracing import open_tracing

if TYPE_CHECKING:
    from nightshift.database import Database
    from nightshift.objects.s3 import S3ObjectStore

CONNECT_SECONDS = 4.0
NO_DATABASE = "DATABASE_URL is not set"
NO_OBJECTS = "S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY are not set"


class Context:
    """One run of one command. `environ` holds the settings in effect, `source` says where they come from."""

    def __init__(self, output: Output, settings: OperatorSettings, environ: Mapping[str, str], source: str) -> None:
        self.output, self.settings, self.environ, self.source = output, settings, environ, source
        self.catalogue = load_catalogue(settings.contracts_package)
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._database: Database | None = None
        self._objects: S3ObjectStore | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def now(self) -> datetime:
        """The current time."""
        return datetime.now(UTC)

    async def connection(self) -> Connection:
        """Return the connection to the broker.

        Raises:
            CommandError: the broker is unavailable, or rejects the user; the text names the address and its source.
        """
        if self._connection is None:
            # The name is also the prefix of its inboxes, which a user's permissions name.
            name = self.settings.nats_user or "operator"
            try:
                self._connection = await connect(self.settings, name=name, wait_seconds=CONNECT_SECONDS)
            except Unavailable as away:
                raise CommandError(f"broker {self.settings.nats_url} ({self.source}): {away}", UNAVAILABLE) from None
            except (OSError, ValueError) as error:
                raise CommandError(f"broker {self.settings.nats_url} ({self.source}): {error}", WRONG_USE) from None
            self._stack.push_async_callback(self._connection.close)
        return self._connection

    def database(self) -> "Database | None":
        """Return the database, or None if its address is not set; connects on first use."""
        if self._database is None and (url := database_url(self.settings)) is not None:
            from nightshift.database import open_database  # noqa: PLC0415 - half a second, for those who want it only

            self._database = open_database(url)
            self._stack.push_async_callback(self._database.close)
        return self._database

    def needed_database(self, why: str) -> "Database":
        """Return the database, for a command that is about what it holds.

        Raises:
            UsageError: its address is not set; the text ends with `why` the command needs it.
        """
        database = self.database()
        if database is None:
            raise UsageError(f"{NO_DATABASE}: {why}")
        return database

    def objects(self) -> "S3ObjectStore | None":
        """Return the object store, or None if its address and keys are not set; connects on first use."""
        own = self.settings
        if self._objects is None and own.s3_endpoint and own.s3_access_key and own.s3_secret_key:
            with extra("s3", "S3_ENDPOINT"):
                from nightshift.objects.s3 import open_objects  # noqa: PLC0415 - needs an extra
            self._objects = open_objects(
                own.s3_endpoint,
                own.s3_access_key,
                own.s3_secret_key.reveal(),
                own.s3_bucket,
                region=own.s3_region,
                ca_file=own.s3_ca_file,
            )
            self._stack.push_async_callback(self._objects.close)
        return self._objects

    async def publisher(self) -> Publisher:
        """Return a publisher; it takes large bodies only if the object store is known."""
        connection = await self.connection()
        tracing = await self._stack.enter_async_context(open_tracing("operator", self.settings))
        return Publisher(connection, self.objects(), tracing=tracing)

    def doing(
        self, options: argparse.Namespace, name: str, on: str, what: str, *, releases: bool = False
    ) -> AbstractAsyncContextManager[Result]:
        """Record what a command does, before and after: every command that changes something does it inside.

        `releases`: it frees space, or lets work go on, and is done all the same if the person says so.

        Raises:
            NotRecordedError: it cannot be recorded; nothing was done.
        """
        given: str | None = getattr(options, "because", None)
        action = Action(name=name, on=on, what=what, reason=given or "", releases=releases)

        def insist(why: str) -> bool:
            return bool(getattr(options, "unrecorded", False)) or self.output.ask(
                f"This cannot be recorded: {why}. Do it all the same? It is kept in {backlog.file} and recorded later."
            )

        backlog = AuditBacklog(self.settings.audit_file or usual_file(self.environ))
        return Audit(self.connection, backlog, part="cli", who=operator_name()).doing(action, insist)

"""What the routes of the console are built from."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import Request

from nightshift.broker import Connection
from nightshift.cli.client.context import Context
from nightshift.cli.terminal.output import Output
from nightshift.console.bulk.runner import BulkRunner
from nightshift.console.figures.changes import Changes
from nightshift.console.figures.pauses import Pauses
from nightshift.console.figures.sampler import Sampler
from nightshift.console.figures.shared_answers import SharedAnswers
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.console.rights import Right
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.link import OneTimeLink
from nightshift.console.sign_in.person import Person
from nightshift.console.sign_in.proxy import ProxySignIn
from nightshift.console.sign_in.sessions import Sessions
from nightshift.console.sign_in.throttle import Throttle
from nightshift.console.sign_in.users_file import UsersFile
from nightshift.console.web.kept_forms import KeptForms
from nightshift.http.client_address import AddressOf
from nightshift.messaging.audit_backlog import AuditBacklog
from nightshift.messaging.job_watch import JobWatch
from nightshift.messaging.publisher import Publisher
from nightshift.topology.permissions import CONSOLE_VIEWER
from nightshift.topology.topology import Topology

if TYPE_CHECKING:
    from nightshift.console.sign_in.oidc import OidcSignIn

_READ_AT_ONCE = 2


class Screen(NamedTuple):
    """An entry of the navigation."""

    name: str
    path: str
    right: Right = Right.LOOK


@dataclass(slots=True, frozen=True)
class Letters:
    """The dead letters: the index, and what keeps it like the broker's."""

    index: LetterIndex
    follower: LetterFollower


class Operator(Context):
    """What the queries of the command line are given: the console's connection, which may not be there yet."""

    def __init__(self, settings: ConsoleSettings, connection: Connection) -> None:
        nowhere = io.StringIO()
        super().__init__(Output(as_json=True, out=nowhere, err=nowhere), settings, {}, "the console's settings")
        self._of_console = connection

    async def connection(self) -> Connection:
        """Return the connection to the broker; what is asked of it raises `Unavailable` while there is none."""
        return self._of_console

    async def publisher(self) -> Publisher:
        """Return a publisher, which takes no large bodies: the console has no key of the object store."""
        return Publisher(self._of_console)


@dataclass(slots=True, frozen=True)
class ConsoleContext:
    """The resources of the process."""

    settings: ConsoleSettings
    topology: Topology
    connection: Connection
    operator: Operator
    sampler: Sampler
    letters: Letters
    users: UsersFile
    sessions: Sessions
    link: OneTimeLink | None
    """None where people sign in by other ways."""
    proxy: ProxySignIn | None
    oidc: "OidcSignIn | None"
    backlog: AuditBacklog
    """What could not be recorded."""
    watch: JobWatch
    """What workers tell of their jobs."""
    bulks: BulkRunner
    pauses: Pauses
    address_of: AddressOf
    cookie: str
    throttle: Throttle = field(default_factory=Throttle)
    kept_forms: KeptForms = field(default_factory=KeptForms)
    screens: Sequence[Screen] = ()
    changes: Changes = field(default_factory=Changes)
    """What open pages are told."""
    answers: SharedAnswers = field(default_factory=SharedAnswers)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READ_AT_ONCE))
    """Held by whoever reads many messages for one page."""

    @property
    def services(self) -> list[str]:
        """The services that have queues."""
        return sorted({consumer.name for consumer in self.topology.consumers})

    @property
    def is_read_only(self) -> bool:
        """Whether the broker lets this console change nothing: then nothing is offered that it would refuse."""
        return self.settings.nats_user == CONSOLE_VIEWER

    def look_anew(self) -> None:
        """Let the next page be of now: somebody has just done something."""
        self.answers.forget()
        self.sampler.look_again()

    def person_of(self, request: Request) -> Person | None:
        """Return who sends a request; None if nobody has signed in."""
        secret = request.cookies.get(self.cookie, "")
        person = self.sessions.find(secret) if secret else None
        return person or (self.proxy.find(request) if self.proxy else None)

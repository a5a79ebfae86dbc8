"""What became of a mail, recipient by recipient: its row in `email_deliveries`, from the first refusal to the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection

from nightshift import Job, Permanent, Snooze
from nightshift.config.redaction import single_line
from nightshift.database import Database
from nightshift.instants import rfc3339
from schema.tables import email_deliveries
from services.email.mailer import OutgoingMail, Sent, Transport

_ROW = email_deliveries.c
_INSERT = insert(email_deliveries)
_CHANGING = ("status", "status_reason", "outcomes", "tries", "deferred_at", "provider_id", "sent_at")
_UPDATE = (
    update(email_deliveries).where(_ROW.id == bindparam("row_id")).values({name: bindparam(name) for name in _CHANGING})
)
_UNFINISHED = (
    select(_ROW.id, _ROW.status, _ROW.outcomes, _ROW.tries, _ROW.deferred_at, _ROW.provider_id, _ROW.sent_at)
    .where(_ROW.job_id == bindparam("job_id"), _ROW.status.in_(["waiting", "failed"]))
    .order_by(_ROW.id)
    .limit(1)
)
_GIVE_UP = (
    update(email_deliveries).where(_ROW.job_id == bindparam("of_job"), _ROW.status == "waiting").values(status="failed")
)
_REPLY_BYTES = 500


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The state of one mail. `outcomes` has a `state` (accepted, waiting, refused) and a `reply` for each recipient."""

    job_id: str
    id: str = field(default_factory=lambda: uuid4().hex)
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    tries: int = 0
    """How often a server has put it off."""
    deferred_at: datetime | None = None
    provider_id: str | None = None
    sent_at: datetime | None = None
    note: str | None = None
    """Who was left out, and why."""
    stored: bool = False

    def open(self, recipients: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the recipients whose outcome is not known yet."""
        return tuple(one for one in recipients if self.outcomes.get(one, {}).get("state", "waiting") == "waiting")

    def keep(self, recipients: tuple[str, ...]) -> None:
        """Forget those who wait and are no recipients any more: they have come to the suppression list meanwhile."""
        gone = [address for address in self.in_state("waiting") if address not in recipients]
        for address in gone:
            del self.outcomes[address]

    def begin_again(self) -> None:
        """Forget who was refused: somebody had a reason to try the dead letter again. Who has the mail keeps it."""
        self.outcomes = {address: self.outcomes[address] for address in self.in_state("accepted")}
        self.tries, self.deferred_at = 0, None

    def in_state(self, state: str) -> list[str]:
        """Return the recipients in a state."""
        return [address for address, outcome in self.outcomes.items() if outcome["state"] == state]

    def replies(self, state: str) -> str:
        """Return what the server said of each recipient in a state, in one text."""
        return "; ".join(dict.fromkeys(self.outcomes[address]["reply"] for address in self.in_state(state)))

    def accept(self, recipients: tuple[str, ...], sent: Sent, now: datetime) -> None:
        """Note a transaction in which the server took the mail, for all but those that it refused."""
        self.provider_id, self.sent_at = sent.provider_id, self.sent_at or now
        for address in recipients:
            if address not in sent.refused:
                self._note(address, "accepted", "", now)

    def refuse(self, refused: Mapping[str, Exception], now: datetime) -> None:
        """Note what the server said to recipients that it did not accept."""
        for address, outcome in refused.items():
            self._note(address, "refused" if isinstance(outcome, Permanent) else "waiting", str(outcome), now)
        if any(isinstance(outcome, Snooze) for outcome in refused.values()):
            self.tries += 1
            self.deferred_at = self.deferred_at or now

    def lose(self, recipients: tuple[str, ...], error: Exception, now: datetime) -> int:
        """Note that no answer came to a transmitted mail; return how often that has happened."""
        lost = 1 + max(int(self.outcomes.get(address, {}).get("lost", 0)) for address in recipients)
        for address in recipients:
            self._note(address, "waiting", str(error), now)
            self.outcomes[address]["lost"] = str(lost)
        return lost

    def give_up(self, now: datetime) -> None:
        """Take the server's last word for final."""
        for address in self.in_state("waiting"):
            self._note(address, "refused", self.outcomes[address]["reply"], now)

    def _note(self, address: str, state: str, reply: str, now: datetime) -> None:
        said = {"reply": single_line(reply, _REPLY_BYTES)} if reply else {}
        self.outcomes[address] = {"state": state, **said, "at": rfc3339(now, "seconds")}

    def _status(self) -> str:
        if self.in_state("waiting"):
            return "waiting"
        return "failed" if self.in_state("refused") else "sent"

    def statement(self, mail: OutgoingMail, transport: Transport) -> tuple[Any, dict[str, Any]]:
        """Return the statement that stores it, and its values."""
        values = {
            "status": self._status(),
            "status_reason": self.note,
            "outcomes": self.outcomes,
            "tries": self.tries,
            "deferred_at": self.deferred_at,
            "provider_id": self.provider_id,
            "sent_at": self.sent_at,
        }
        if self.stored:
            return _UPDATE, {"row_id": self.id, **values}
        facts = {
            "id": self.id,
            "job_id": self.job_id,
            "recipients": list(mail.recipients),
            "subject": mail.subject,
            "transport": transport,
            "message_id": mail.message_id,
        }
        return _INSERT, {**facts, **values}


class Deliveries:
    """The rows of mails that wait, or that were not accepted for everybody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, job: Job) -> Delivery:
        """Return the state of a job's mail, as earlier runs of the job have left it.

        A mail that went to everybody is not found: the worker's inbox remembers its job, and an id that is used anew
        after the inbox has forgotten it is another mail.
        """

        def look(connection: Connection) -> Any:
            return connection.execute(_UNFINISHED, {"job_id": job.id}).one_or_none()

        row = await self._database.ask(look)
        if row is None:
            return Delivery(job_id=job.id)
        found = Delivery(
            job_id=job.id,
            id=row.id,
            outcomes=row.outcomes or {},
            tries=row.tries,
            deferred_at=row.deferred_at,
            provider_id=row.provider_id,
            sent_at=row.sent_at,
            stored=True,
        )
        if row.status == "failed":
            found.begin_again()
        return found

    async def save(self, delivery: Delivery, mail: OutgoingMail, transport: Transport) -> None:
        """Store the state at once, in a transaction of its own: the job's is rolled back when it has to wait."""
        await self._write(*delivery.statement(mail, transport))
        delivery.stored = True

    async def give_up(self, job: Job) -> None:
        """Mark the mail of a job that becomes a dead letter: it waits no more."""
        await self._write(_GIVE_UP, {"of_job": job.id})

    async def _write(self, statement: Any, values: dict[str, Any]) -> None:
        def write(connection: Connection) -> None:
            connection.execute(statement, values)

        await self._database.commit(write)

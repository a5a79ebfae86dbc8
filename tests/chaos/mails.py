"""Mails under chaos: sent to addresses at which the mail server misbehaves, each to one of its own."""

import email
import email.policy
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.email import SendEmail
from nightshift.broker import BrokerRefusedError
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from tests.chaos.journal import Journal, read
from tests.chaos.ledger import Sent

_PLACES = ("welcome", "temporary-1", "dropped", "closed", "refused", "spam")


class MailSender:
    """Sends mails and keeps a journal of the answers; the kind in the journal is the place it went to."""

    def __init__(self, publisher: Publisher, journal: Path) -> None:
        self._publisher, self._journal = publisher, Journal(journal)

    async def send(self, job_id: str, dice: random.Random) -> None:
        """Sends one and waits for the answer, a few times."""
        place = dice.choice(_PLACES)
        self._journal.about_to_send(job_id, place)
        mail = SendEmail(to=f"{place}+{job_id}@example.com", subject=f"Mail {job_id}", body="<p>Hello</p>")
        for _ in range(20):
            try:
                await self._publisher.publish(mail, job_id=job_id)
            except (BrokerRefusedError, Unavailable):
                continue
            self._journal.accepted(job_id)
            return

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()


@dataclass(frozen=True)
class Received:
    """A mail that the catcher has."""

    job_id: str
    message_id: str


def received(files: Iterable[Path]) -> list[Received]:
    """Reads the catcher's files."""
    found = []
    for file in files:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        found.append(Received(str(message["Subject"]).removeprefix("Mail "), str(message["Message-ID"])))
    return found


def sent_mails(folder: Path) -> dict[str, Sent]:
    """What all journals of a folder say."""
    return read(folder.glob("mails-*.jsonl"))


def mail_breaches(sent: dict[str, Sent], arrived: Iterable[Received], dead: Collection[str]) -> Iterator[str]:
    """Names every mail that is lost, and every one that came twice under two names.

    A mail may come twice: sending it is an outside effect. Then both have one Message-ID, by which a reader's mail
    program and most servers know them as one.
    """
    counts, names = Counter[str](), defaultdict[str, set[str]](set)
    for one in arrived:
        counts[one.job_id] += 1
        names[one.job_id].add(one.message_id)
    for job_id, mail in sent.items():
        if mail.answer == "accepted" and not counts[job_id] and job_id not in dead:
            yield f"mail {job_id} to {mail.kind} is lost: neither received nor a dead letter"
        if len(names[job_id]) > 1:
            yield f"mail {job_id} came under {len(names[job_id])} Message-IDs"
        if mail.kind in ("refused", "spam") and counts[job_id]:
            yield f"mail {job_id} was received although the server refuses {mail.kind}"
    yield from (f"mail {job_id} was received, and nobody sent it" for job_id in counts if job_id not in sent)

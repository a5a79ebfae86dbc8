"""Send one mail and record its delivery."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from contracts.email import SendEmail
from nightshift import Job, Permanent, Skip, Snooze
from nightshift.instants import utc_now
from nightshift.objects import ObjectStore
from services.email.attachments import fetch
from services.email.compose import compose
from services.email.deliveries import Deliveries, Delivery
from services.email.mailer import AnswerLostError, Deferred, Mailer, OutgoingMail, RecipientsRefused
from services.email.metrics import MailMetrics
from services.email.patience import Patience
from services.email.rules import MailRules
from services.email.suppressions import Suppressions, in_words, left_out

_ANSWERS_LOST = 4
"""So often a mail is transmitted that may have been accepted each time; then somebody has to look."""
_LONG = 64 * 1024
"""Characters. Longer HTML is converted to text in a thread, so that it does not block the event loop."""


async def send_email(
    message: SendEmail,
    job: Job,
    *,
    mailer: Mailer,
    deliveries: Deliveries,
    objects: ObjectStore,
    suppressions: Suppressions,
    rules: MailRules,
    metrics: MailMetrics,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Send a mail to those of its recipients that have not got it yet, and record what became of it for each.

    Whoever is on the suppression list is left out; if nobody is left in `to`, the mail is not sent.

    A recipient that a server accepts gets the mail once: what is tried again goes to the others alone. A recipient that
    is to be asked later waits as `patience` says, without an attempt of the job; the mail is a dead letter when
    somebody is refused for good. `Mailer.send` defines all other outcomes. A missing attachment counts as an attempt:
    it may still be being uploaded.

    Args:
        message: the mail as requested.
        job: its id makes a repeated mail recognisable.
        mailer: the transport.
        deliveries: the rows of mails that wait.
        objects: the store of the attachments.
        suppressions: the addresses that get no mail.
        rules: the sender of a message that names none, and which senders and attachments are let through.
        metrics: counts what is put off.
        patience: how long to wait for a server that takes the mail later.
        now: the clock.
    """
    rules.check(message)
    limit = rules.attachment_bytes
    files = await fetch(objects, message.attachments, limit_bytes=limit) if message.attachments else []
    composing = partial(compose, message, job_key=job.key, sender=rules.sender, files=files, now=now())
    mail = await asyncio.to_thread(composing) if len(message.body) > _LONG else composing()
    listed = await suppressions.among(mail.recipients)
    everybody, mail = mail, left_out(mail, listed)
    if not mail.to:
        await deliveries.give_up(job)
        why = f"not sent, as the suppression list has {in_words(listed)}"
        await suppressions.record(job, everybody, why, now())
        raise Skip(why)
    delivery = await deliveries.find(job)
    delivery.keep(mail.recipients)
    delivery.note = f"left out, as the suppression list has {in_words(listed)}" if listed else None
    try:
        asked = await _send(mail, delivery, mailer, now())
    except AnswerLostError as error:
        lost = delivery.lose(delivery.open(mail.recipients), error, now())
        if lost >= _ANSWERS_LOST:
            delivery.give_up(now())
        await deliveries.save(delivery, mail, mailer.transport)
        if lost >= _ANSWERS_LOST:
            raise Permanent(f"{error}; that was {lost} times, so it may have arrived as often") from error
        raise
    problem = _problem(delivery, patience, asked, now())
    if problem is None:
        job.write(*delivery.statement(mail, mailer.transport))
        return
    await deliveries.save(delivery, mail, mailer.transport)
    if isinstance(problem, Snooze):
        metrics.deferred += 1
    raise problem


async def _send(mail: OutgoingMail, delivery: Delivery, mailer: Mailer, now: datetime) -> timedelta | None:
    """Hand the mail over for everybody whose outcome is not known yet, and note the outcome of each.

    Return the wait that the server has asked for, if it has.
    """
    recipients = delivery.open(mail.recipients)
    if not recipients:
        return None
    try:
        sent = await mailer.send(mail.only_to(recipients))
    except Deferred as outcome:
        delivery.refuse(outcome.refused or dict.fromkeys(recipients, outcome), now)
        return outcome.asked
    except RecipientsRefused as outcome:
        delivery.refuse(outcome.refused, now)
        return None
    except Permanent as outcome:
        delivery.refuse(dict.fromkeys(recipients, outcome), now)
        return None
    delivery.accept(recipients, sent, now)
    delivery.refuse(sent.refused, now)
    asked = [outcome.asked for outcome in sent.refused.values() if isinstance(outcome, Deferred) and outcome.asked]
    return min(asked, default=None)


def _problem(
    delivery: Delivery, patience: Patience, asked: timedelta | None, now: datetime
) -> Permanent | Snooze | None:
    """Return what keeps the job from being done; what waits for too long is given up on."""
    since, waits = delivery.deferred_at, bool(delivery.in_state("waiting"))
    if waits and since is not None and now - since < patience.give_up:
        wait = asked or patience.wait(delivery.tries)
        return Snooze(wait, f"put off {delivery.tries} times: {delivery.replies('waiting')}")
    waited = f" (put off {delivery.tries} times since {since:%Y-%m-%d %H:%M} UTC)" if waits else ""
    delivery.give_up(now)
    if not delivery.in_state("refused"):
        return None
    others = len(delivery.in_state("accepted"))
    rest = f"; the other {others} have it, and trying again sends to the refused alone" if others else ""
    return Permanent(f"{delivery.replies('refused')}{waited}{rest}")


async def give_up(_message: SendEmail, job: Job, _reason: str, *, deliveries: Deliveries) -> None:
    """Mark the row of a mail whose job becomes a dead letter."""
    await deliveries.give_up(job)

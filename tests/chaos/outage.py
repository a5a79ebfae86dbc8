"""One long outage of the broker under the whole embedded stack: `python -m tests.chaos.outage --minutes 10`.

Every service runs when the broker goes; a second replica of each is started while it is away.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from contracts.email import SendEmail
from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.services import Service, all_services
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable

QUEUED, WAITING = 200, 20
"""Jobs published right before the broker goes, and jobs that come due while it is away."""
_RECOVERY_SECONDS = 90.0
_TELLING_SECONDS = 15.0
_POLL_SECONDS = 0.2
_LATE = "-9"
"""How the replicas are called that are started while the broker is away."""
_SCHEDULES = '[[schedules]]\nname = "sync.often"\nschedule = "*/10 * * * * *"\nmisfire = "all"\n'


@dataclass
class Outage:
    """What was seen; `wrong` names what should have been otherwise."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


async def outage(stack: Stack, seconds: float, *, say: Callable[[str], None]) -> Outage:
    """Takes the broker of a fresh stack away for so long; returns when all is well again, or should have been."""
    (stack.folder / "schedules.toml").write_text(_SCHEDULES)
    extra = {"SCHEDULES_FILE": str(stack.folder / "schedules.toml")}
    running = all_services(stack, extra=extra)
    late = [Service(stack, name, replica=9, extra=extra) for name in stack.project.service_names()]
    try:
        await stack.start()
        await stack.provision()
        for service in running:
            await service.start()
        await asyncio.gather(*(service.ready(timeout_seconds=_RECOVERY_SECONDS) for service in running))
        return await _without_broker(stack, running, late, seconds, say)
    finally:
        await asyncio.gather(*(service.kill() for service in (*running, *late)))
        await stack.kill()


async def _without_broker(
    stack: Stack, running: Sequence[Service], late: Sequence[Service], seconds: float, say: Callable[[str], None]
) -> Outage:
    found, services = Outage(), [*running, *late]
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="outage")
    publisher = Publisher(connection)
    try:
        middle = datetime.now(UTC) + timedelta(seconds=seconds / 2)
        for number in range(WAITING):
            await publisher.publish_later(_mail(f"later-{number}"), at=middle)
        await publisher.publish_many([_mail(f"queued-{number}") for number in range(QUEUED)])
        await stack.broker.stop()
        say(f"the broker is away, with {len(messages(stack.mail.mailbox))} of {QUEUED} jobs done")
        for service in late:
            await service.start()
        await _wait_and_watch(publisher, services, seconds, found)
        began = time.monotonic()
        await stack.broker.start()
        say("the broker is back")
        await _recovered(services, began, found)
        await publisher.publish(_mail("afterwards"))
        await _all_mails(stack, began, found)
    finally:
        await connection.close()
    found.figures["processes"] = f"{len(running)} running, {len(late)} started meanwhile"
    found.figures["jobs"] = f"{QUEUED} queued, {WAITING} due meanwhile, 1 afterwards"
    found.figures["lines in all logs"] = str(sum(len(one.process.output().splitlines()) for one in services))
    found.wrong += [f"{one.name} has ended: {one.process.exit_code}" for one in services if not one.running]
    return found


async def _wait_and_watch(publisher: Publisher, services: Sequence[Service], seconds: float, found: Outage) -> None:
    """Publishing fails with a clear error; each process says that it is not ready, and that it is alive."""
    end = time.monotonic() + seconds
    began = time.monotonic()
    try:
        await publisher.publish(_mail("refused"))
        found.wrong.append("a publish succeeded without a broker")
    except Unavailable as away:
        found.figures["a publish"] = f"failed after {time.monotonic() - began:.1f} s: {away}"
    await asyncio.sleep(max(0.0, end - time.monotonic() - _TELLING_SECONDS))
    async with httpx.AsyncClient() as client:
        for service in services:
            expected = "is starting" if service.name.endswith(_LATE) else "broker"
            found.wrong += await _told(client, service, expected, time.monotonic() + _TELLING_SECONDS)
    await asyncio.sleep(max(0.0, end - time.monotonic()))


async def _told(client: httpx.AsyncClient, service: Service, expected: str, deadline: float) -> list[str]:
    """What is wrong with what a process says about itself; one that was just started may take a moment."""
    while True:
        wrong = list[str]()
        # The gateway goes on: what comes in meanwhile goes to the outbox. The console says what is away.
        readiness = (
            ("/readyz", 200, "") if service.name.startswith(("gateway", "console")) else ("/readyz", 503, expected)
        )
        for path, status, words in (readiness, ("/healthz", 200, "")):
            try:
                answer = await client.get(service.health_url + path)
            except httpx.HTTPError as error:
                wrong.append(f"{path} of {service.name}: {error!r}")
                continue
            if answer.status_code != status or words not in answer.text:
                wrong.append(f"{path} of {service.name}: {answer.status_code} {answer.text.strip()}")
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(_POLL_SECONDS)


async def _recovered(services: Sequence[Service], began: float, found: Outage) -> None:
    """Every process becomes ready by itself."""
    waiting = list(services)
    while waiting and time.monotonic() - began < _RECOVERY_SECONDS:
        waiting = [service for service in waiting if not await service.is_ready()]
        await asyncio.sleep(_POLL_SECONDS)
    found.figures["all ready again"] = f"{time.monotonic() - began:.1f} s after the broker's return"
    found.wrong += [f"{service.name} does not become ready" for service in waiting]


async def _all_mails(stack: Stack, began: float, found: Outage) -> None:
    expected = QUEUED + WAITING + 1
    count = 0
    while count < expected and time.monotonic() - began < _RECOVERY_SECONDS:
        await asyncio.sleep(_POLL_SECONDS)
        count = len(messages(stack.mail.mailbox))
    found.figures["all jobs done"] = f"{time.monotonic() - began:.1f} s after the broker's return"
    if count != expected:
        found.wrong.append(f"{count} mails of {expected} have arrived")


def _mail(subject: str) -> SendEmail:
    return SendEmail(to=f"{subject}@example.com", subject=subject, body="<p>Hello</p>")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 1 when something was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the broker is away (default: 10)")
    options = parser.parse_args(arguments)
    stack = Stack.fresh("outage", datetime.now().astimezone())
    found = asyncio.run(outage(stack, options.minutes * 60, say=_say))
    for name, value in found.figures.items():
        _say(f"  {name:<24}{value}")
    for wrong in found.wrong:
        _say(f"Wrong: {wrong}")
    return 1 if found.wrong else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())

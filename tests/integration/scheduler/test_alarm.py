"""The alert `EventsWait` fires before the stream drops an event that its service has not done, and not otherwise."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import yaml

from deploy.broker_metrics import BrokerMetrics
from deploy.broker_state import ask
from nightshift.broker import Connection, direct_get
from nightshift.broker.delivery import Delivery
from nightshift.contract.cron import event_subject
from nightshift.embedded.servers.broker import Broker
from nightshift.scheduler.cron.schedule import schedule
from nightshift.topology.consumer import Consumer
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import CRON_STREAM, EVENTS_KEPT, Topology
from nightshift.worker.pull import Pull
from tests.harness import eventually
from tests.integration.cli.expressions import ALERTS
from tests.integration.scheduler.environment import Environment
from tests.repository import ROOT

SECOND = timedelta(seconds=1)
SYNC = Consumer(stream=CRON_STREAM, name="sync", filter="cron.sync.>", new_only=True)
OFTEN = schedule("sync.often", "* * * * * *", "all")
"""No schedule can be due more often."""
METRIC = "nightshift_consumer_behind"


class Alarm:
    """The shipped rule on one series: a threshold, and for how long it must be exceeded."""

    def __init__(self) -> None:
        rule = ALERTS["EventsWait"]
        found = re.fullmatch(rf'{METRIC}{{stream="CRON"}} > (\d+)', rule["expr"])
        assert found, rule["expr"]
        self.threshold, self.for_seconds = int(found[1]), _seconds(rule["for"])
        file = ROOT / "deploy" / "prometheus" / "prometheus.yml"
        intervals: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["global"]
        self._scrape, self._evaluate = (_seconds(intervals[f"{name}_interval"]) for name in ("scrape", "evaluation"))

    def fires_after(self, samples: list[float]) -> int | None:
        """Return the second at which it fires at the latest, however scrapes and evaluations lie; None for never."""
        phases = [(scrape, rule) for scrape in range(self._scrape) for rule in range(self._evaluate)]
        fired = [self._fires(samples, scrape, rule) for scrape, rule in phases]
        return None if None in fired else max(second for second in fired if second is not None)

    def ever_fires(self, samples: list[float]) -> bool:
        """Return whether it fires in any position of scrapes and evaluations."""
        phases = [(scrape, rule) for scrape in range(self._scrape) for rule in range(self._evaluate)]
        return any(self._fires(samples, scrape, rule) is not None for scrape, rule in phases)

    def _fires(self, samples: list[float], scrape: int, rule: int) -> int | None:
        since: int | None = None
        for second in range(rule, len(samples), self._evaluate):
            scraped = second - (second - scrape) % self._scrape
            if scraped < 0 or samples[scraped] <= self.threshold:
                since = None
            elif since is None:
                since = second
            if since is not None and second - since >= self.for_seconds:
                return second
        return None


def _seconds(text: str) -> int:
    assert text.endswith("s"), text
    return int(text[:-1])


class Service:
    """The service `sync`: acknowledges its events, but for those that it holds."""

    def __init__(self, connection: Connection) -> None:
        self._pull = Pull(connection, CRON_STREAM, SYNC.name, self._take)
        self.holds: Callable[[Delivery], bool] = lambda _: False
        self.done = set[int]()
        self.held = set[int]()

    async def start(self) -> None:
        """Begin to pull."""
        await self._pull.start()
        self._pull.request(1000)

    async def stop(self) -> None:
        """Take no more."""
        await self._pull.stop()

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if self.holds(delivery):
                self.held.add(delivery.sequence)
                delivery.nak(timedelta(hours=1))
            else:
                delivery.ack()
                self.done.add(delivery.sequence)


class Watch:
    """Lets time pass second by second; knows what Prometheus would have seen, and when the first event was lost."""

    def __init__(self, environment: Environment, broker: Broker, service: Service) -> None:
        self.environment, self.service = environment, service
        self._exporter = BrokerMetrics({"broker": partial(ask, broker.monitoring_url)})
        self._announced = set[int]()
        self.samples: list[float] = []
        self.lost_after: int | None = None

    async def seconds(self, count: int, *, until: Callable[[], Any] = lambda: True) -> None:
        """Let so many seconds pass, one event of each schedule that is due in each."""
        for _ in range(count):
            await self.environment.pass_time(SECOND)
            await eventually(until, what="the service has taken what it takes")
            await self.look()

    async def outage(self, seconds: int) -> None:
        """Let the scheduler be away for so long; afterwards it announces what its policy says, at once."""
        self.samples += [self.samples[-1]] * (seconds - 1)
        await self.environment.pass_time(seconds * SECOND)
        await self.look()

    async def look(self) -> None:
        """Take a sample, and find out whether an event is gone that nobody has done."""
        families = {family.name: family.samples for family in self._exporter.collect()}
        (value,) = [one.value for one in families[METRIC] if one.labels == {"stream": CRON_STREAM, "consumer": "sync"}]
        self.samples.append(value)
        stored = await direct_get.read_all(self.environment.connections[0], CRON_STREAM, event_subject(OFTEN.name))
        kept = {message.sequence for message in stored}
        self._announced |= kept
        if self.lost_after is None and self._announced - kept - self.service.done:
            self.lost_after = len(self.samples)


@pytest.fixture
async def watch(environment: Environment, broker: Broker) -> Watch:
    """A consumer that nobody pulls yet, and a scheduler with one schedule."""
    await provision_broker(environment.connections[2], Topology(streams=(), consumers=(SYNC,)))
    await environment.started([OFTEN])
    return Watch(environment, broker, Service(environment.connections[2]))


def fires_in_time(watch: Watch) -> None:
    """Events were lost in the end, and the alarm was there well before."""
    fired = Alarm().fires_after(watch.samples)
    assert watch.lost_after is not None
    assert fired is not None
    assert fired + 15 <= watch.lost_after


async def test_it_fires_before_events_are_lost_that_nobody_takes(watch: Watch) -> None:
    """The service does not run, and its schedule is due every second."""
    await watch.seconds(EVENTS_KEPT + 5)
    assert watch.lost_after == EVENTS_KEPT + 1
    fires_in_time(watch)


async def test_it_fires_before_one_event_is_lost_that_waits_while_others_are_done(watch: Watch) -> None:
    """It is delivered and put off again and again; the newer ones push it out in the end."""
    service = watch.service
    service.holds = lambda _: not service.held
    await service.start()
    await watch.seconds(EVENTS_KEPT + 5, until=lambda: len(service.done | service.held) == len(watch.samples) + 1)
    assert watch.lost_after == EVENTS_KEPT + 1
    fires_in_time(watch)


async def test_it_fires_before_events_are_lost_that_a_catch_up_pushes_out(watch: Watch) -> None:
    """As many wait as raise no alarm yet when the scheduler announces a hundred at once."""
    await watch.seconds(Alarm().threshold)
    await watch.outage(150)
    await watch.seconds(EVENTS_KEPT)
    assert watch.lost_after is not None
    fires_in_time(watch)


async def test_ordinary_life_raises_no_alarm(watch: Watch) -> None:
    """Events that are taken in time, a service that is restarted, and a scheduler that catches up while it runs."""
    service = watch.service

    async def take(seconds: int) -> None:
        await watch.seconds(seconds, until=lambda: len(service.done) == watch.environment.metrics[0].events[OFTEN.name])

    await service.start()
    await take(40)
    await service.stop()
    await watch.seconds(20)
    await service.start()
    await take(20)
    await watch.outage(150)
    await take(40)
    assert watch.lost_after is None
    assert not Alarm().ever_fires(watch.samples)

"""What each user of the broker may do, and that it may do nothing else: the shipped permissions on a real broker."""

from collections.abc import Iterator

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.permissions import IMPORTED_API, users
from nightshift.topology.topology import declared_topology
from tests.nats_cli import NatsCli

EVENTS, GATEWAYS = load_catalogue().event_consumers, load_catalogue().gateways
TOPOLOGY = declared_topology(load_catalogue())
USERS = users(TOPOLOGY, load_catalogue())
SERVICES = sorted({consumer.name for consumer in TOPOLOGY.consumers})
STREAMS = [stream.name for stream in TOPOLOGY.streams]
JOB = '{"to":"ada@example.com","subject":"Hi","body":"Hi"}'


@pytest.fixture
def cli(guarded: Broker, request: pytest.FixtureRequest) -> Iterator[NatsCli]:
    """A connection of the user that the test names."""
    user = request.param
    with NatsCli(int(guarded.url.rpartition(":")[2]), user=user, password=f"{user}-password") as connection:
        yield connection


def changes_of(stream: str) -> list[str]:
    """The requests that change or empty a stream, or look into it without being its consumer."""
    calls = ["CREATE", "UPDATE", "DELETE", "PURGE", "SNAPSHOT", "RESTORE", "MSG.GET", "MSG.DELETE", "LEADER.STEPDOWN"]
    consumers = [f"CONSUMER.CREATE.{stream}.spy", f"CONSUMER.DURABLE.CREATE.{stream}.spy", f"CONSUMER.NAMES.{stream}"]
    return [f"$JS.API.STREAM.{call}.{stream}" for call in calls] + [f"$JS.API.{call}" for call in consumers]


def reads_of(stream: str) -> list[str]:
    """The requests that say what is in a stream."""
    return [f"$JS.API.DIRECT.GET.{stream}", f"$JS.API.STREAM.INFO.{stream}"]


def of_consumer(stream: str, consumer: str) -> list[str]:
    """What a worker asks of a consumer, and the two forms of its acknowledgements."""
    calls = [f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", f"$JS.API.CONSUMER.INFO.{stream}.{consumer}"]
    acks = [f"$JS.ACK.{stream}.{consumer}.1.1.1.1.0", f"$JS.ACK._.hash.{stream}.{consumer}.1.1.1.1.0.x"]
    return calls + acks


def imported(subject: str) -> str:
    """A request to JetStream as it is called in an account that imports it."""
    return subject.replace("$JS.API", IMPORTED_API, 1)


def everything() -> set[str]:
    """Subjects of every kind that there is, for every service and stream."""
    subjects = {subject for stream in STREAMS for subject in (*changes_of(stream), *reads_of(stream))}
    for consumer in TOPOLOGY.consumers:
        subjects |= {*of_consumer(consumer.stream, consumer.name), f"$JS.API.CONSUMER.DELETE.{consumer.stream}.x"}
    for job_type in load_catalogue().messages:
        service = job_type.partition(".")[0]
        subjects |= {f"jobs.{job_type}", f"due.{job_type}", f"later.{job_type}.id1", f"dead.{job_type}"}
        subjects |= {f"jobs.{service}.other", f"later.{service}.other.id1"}
        later = f"$JS.API.DIRECT.GET.{service.upper()}_LATER"
        subjects |= {f"{later}.later.{job_type}.id1", f"{later}.later.{service}.other.id1"}
    for event in EVENTS:
        subjects |= {f"cron.{event}.daily", f"dead.cron.{event}.daily"}
    subjects |= {f"audit.{part}" for part in ("cli", "console")} | {"console.redrive.1", "paused.sync.all"}
    subjects |= {f"cron.{event}.daily.manual" for event in EVENTS} | {
        f"workers.cancel.{one}" for one in load_catalogue().messages
    }
    subjects |= {f"$JS.API.CONSUMER.PAUSE.{one.stream}.{one.name}" for one in TOPOLOGY.consumers}
    subjects |= {"workers.ping", *(f"workers.here.{name}" for name in (*SERVICES, *GATEWAYS, "scheduler", "console"))}
    subjects.add("$JS.API.STREAM.LIST")
    subjects |= {imported(subject) for subject in subjects if subject.startswith("$JS.API.")}
    return subjects | {"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$SYS.REQ.SERVER.PING", "other"}


def needs_of(service: str) -> set[str]:
    """What a service asks of the broker, written down independently of the code that computes permissions."""
    queues = (service.upper(), f"{service.upper()}_LATER")
    needs = {f"$JS.API.{call}.{queue}" for queue in queues for call in ("DIRECT.GET", "STREAM.MSG.DELETE")}
    needs |= {f"$JS.API.STREAM.{call}.{service.upper()}" for call in ("INFO", "PURGE")}
    for consumer in TOPOLOGY.consumers_of(service):
        needs |= set(of_consumer(consumer.stream, consumer.name))
    own = (f"jobs.{service}.", f"due.{service}.", f"later.{service}.", f"dead.{service}.")
    needs |= {subject for subject in everything() if subject.startswith(own)}
    for job_type in load_catalogue().publishes[service]:
        needs.add(f"jobs.{job_type}")
    needs |= {f"dead.cron.{event}.daily" for event, consumer in EVENTS.items() if consumer == service}
    if service == "report":
        needs |= {f"$JS.API.STREAM.INFO.{stream}" for stream in STREAMS if stream.endswith("_DLQ")}
    return needs | {f"workers.here.{service}"}


def gateway_needs() -> set[str]:
    """What the gateway asks of the broker: to publish, put off, look up and take back what it offers to strangers."""
    needs = {"workers.here.gateway"}
    needs |= {f"workers.cancel.{job_type}" for job_type in load_catalogue().public()}
    for job_type in load_catalogue().public():
        queue = job_type.partition(".")[0].upper()
        later = f"{queue}_LATER"
        needs |= {f"jobs.{job_type}", f"later.{job_type}.id1", f"{IMPORTED_API}.STREAM.PURGE.{later}"}
        needs |= {f"{IMPORTED_API}.DIRECT.GET.{later}.later.{job_type}.id1", f"{IMPORTED_API}.DIRECT.GET.{queue}"}
    return needs


def console_needs() -> set[str]:
    """What a console that only shows asks of the broker: what is there, and who."""
    asked = {subject for stream in STREAMS for subject in reads_of(stream)} | {"$JS.API.STREAM.LIST"}
    asked |= {f"$JS.API.CONSUMER.INFO.{consumer.stream}.{consumer.name}" for consumer in TOPOLOGY.consumers}
    return {*map(imported, asked), "workers.ping", "workers.here.console", "audit.console"}


def console_operator_needs() -> set[str]:
    """What a console does for people, beside showing: no more than its actions."""
    needs = console_needs() | {"console.redrive.1", "paused.sync.all"}
    needs |= {subject for subject in everything() if subject.startswith(("jobs.", "workers.cancel."))}
    needs |= {f"later.{job_type}.id1" for job_type in load_catalogue().sent_by_people()}
    needs |= {f"cron.{event}.daily.manual" for event in EVENTS}
    needs |= {imported(f"$JS.API.CONSUMER.PAUSE.{one.stream}.{one.name}") for one in TOPOLOGY.consumers}
    letters = [stream for stream in STREAMS if stream.endswith("_DLQ")]
    needs |= {imported(f"$JS.API.STREAM.MSG.DELETE.{one}") for one in [*letters, *map(str.upper, SERVICES)]}
    emptied = ["CRON_PAUSED", *(f"{service.upper()}_LATER" for service in SERVICES)]
    return needs | {imported(f"$JS.API.STREAM.PURGE.{stream}") for stream in emptied}


NEEDS = {service: needs_of(service) for service in SERVICES} | {
    "scheduler": {f"cron.{event}.daily{manual}" for event in EVENTS for manual in ("", ".manual")}
    | {"$JS.API.DIRECT.GET.CRON", "$JS.API.DIRECT.GET.CRON_PAUSED", "workers.here.scheduler"},
    "gateway": gateway_needs() | {f"jobs.{job_type}" for job_type in GATEWAYS["gateway"]},
    "console-viewer": console_needs(),
    "console-operator": console_operator_needs(),
    "producer": {f"jobs.{job_type}" for job_type in load_catalogue().public()},
}


def test_every_user_has_its_needs_written_down() -> None:
    """A new service appears here, or its permissions were never looked at."""
    assert set(NEEDS) | {"operator"} == set(USERS)


@pytest.mark.parametrize(("cli", "user"), [(user, user) for user in NEEDS], indirect=["cli"])
def test_a_user_may_publish_what_it_needs_and_nothing_else(cli: NatsCli, user: str) -> None:
    """Of subjects of every kind the broker lets pass exactly those."""
    assert {subject for subject in everything() if cli.may_publish(subject, b"{}")} == NEEDS[user]


@pytest.mark.parametrize(("cli", "user"), [(user, user) for user in NEEDS], indirect=["cli"])
def test_a_user_hears_its_own_answers_and_nothing_else(cli: NatsCli, user: str) -> None:
    """Not the jobs of others, not their answers, not what goes over the wire."""
    inbox = "_INBOX.abc.*" if user == "producer" else f"_INBOX_{user}.abc.*"
    cli.sub(inbox)
    if user != "producer":
        cli.sub("workers.ping")
    assert cli.refusals == []
    overheard = [">", "workers.>", "jobs.>", "$JS.>", "later.>", "cron.>", "_INBOX_other.>", "*.email.send"]
    for subject in overheard:
        cli.sub(subject)
    assert len(cli.refusals) == len(overheard)


@pytest.mark.parametrize("cli", ["producer"], indirect=True)
@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ({"Nats-Rollup": "all"}, 10111),
        ({"Nats-Rollup": "sub"}, 10111),
        ({"Nats-Schedule": "@at 2099-01-01T00:00:00Z", "Nats-Schedule-Target": "jobs.email.send"}, 10188),
        ({"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "jobs.email.send"}, 10188),
        ({"Nats-Scheduler": "later.email.send.id1"}, 10212),
        ({"Nats-Scheduler": "later.email.send.id1", "Nats-Schedule-Next": "purge"}, 10188),
        ({"Nats-TTL": "1s"}, 10166),
        ({"Nats-Incr": "+1"}, 10168),
        ({"Nats-Expected-Stream": "SYNC"}, 10060),
    ],
)
def test_a_producer_can_give_no_orders_that_touch_what_others_sent(
    cli: NatsCli, orders: dict[str, str], code: int
) -> None:
    """Headers that the broker would obey are refused on a queue, and the queue stays as it was."""
    stored = cli.req("jobs.email.send", JOB)
    assert cli.req("jobs.email.send", JOB, orders)["error"]["err_code"] == code
    assert cli.req("jobs.email.send", JOB)["seq"] == stored["seq"] + 1


@pytest.mark.parametrize("cli", ["operator"], indirect=True)
def test_the_operator_may_do_everything(cli: NatsCli) -> None:
    """Whoever is on call purges, redrives and repairs."""
    assert cli.may_publish("jobs.email.send", JOB)
    assert cli.req("$JS.API.STREAM.PURGE.EMAIL")["success"]
    assert cli.may_publish("cron.cleanup.daily.manual", b"{}")
    cli.sub(">")
    assert cli.refusals == []

"""The permissions of each user of the broker, computed from the topology: least privilege.

See "Authorization" in the NATS documentation; `$JS.API` subjects are JetStream's requests (ADR-1).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nightshift.contract import wire
from nightshift.contract.catalogue import Catalogue
from nightshift.topology import discovery
from nightshift.topology.producers import Producer, producer_account
from nightshift.topology.topology import CRON_PAUSED_STREAM, CRON_STREAM, Stream, Topology, later_stream, queue_stream

_CLI_INBOX = "_INBOX.>"
"""Where the `nats` command line and most clients wait for answers."""
ACCOUNT = "NIGHTSHIFT"
"""The account of the streams, the services and the operator. Producers and the gateway have accounts of their own."""
CONSOLE, CONSOLE_VIEWER, CONSOLE_OPERATOR = "console", "console-viewer", "console-operator"
IMPORTED_API = f"{ACCOUNT}.API"
"""What JetStream's requests are called in another account, whose own JetStream, if only to refuse, owns the usual name.

`NATS_API_PREFIX` tells a process in such an account.
"""

_MANUAL_EVENTS = tuple(f"cron{'.*' * tokens}.manual" for tokens in range(2, 7))
"""Events of schedules that are asked for by hand; a name has so many tokens."""


class Permissions(msgspec.Struct, frozen=True):
    """Subjects that a user may publish and subscribe, and the account that it belongs to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    account: str = ACCOUNT


def of_service(
    service: str, topology: Topology, enqueues: Sequence[str], *, counts_dead_letters: bool = False
) -> Permissions:
    """Let a service use its own consumers, and publish its follow-up jobs, copies for later and dead letters.

    It also reads and repairs its own queues, removes what is done, and relays what the outbox holds for them. Of other
    services it reaches `jobs.` only: whoever may publish to a stream with schedules can erase it by a header.
    """
    publish: set[str] = {f"{kind}.{service}.>" for kind in ("jobs", "later", "due", "dead")}
    publish |= {f"jobs.{job_type}" for job_type in enqueues}
    for consumer in topology.consumers_of(service):
        own = f"{consumer.stream}.{consumer.name}"
        publish |= {f"$JS.API.CONSUMER.MSG.NEXT.{own}", f"$JS.API.CONSUMER.INFO.{own}"}
        publish |= {f"$JS.ACK.{own}.>", f"$JS.ACK.*.*.{own}.>"}
        if consumer.stream == CRON_STREAM:
            publish.add("dead." + consumer.filter)
    for queue in (queue_stream(service), later_stream(service)):
        publish |= {f"$JS.API.DIRECT.GET.{queue}", f"$JS.API.STREAM.MSG.DELETE.{queue}"}
    # What is done is removed from a bulk queue by its workers.
    publish |= {f"$JS.API.STREAM.{call}.{queue_stream(service)}" for call in ("INFO", "PURGE")}
    if counts_dead_letters:
        publish |= {f"$JS.API.STREAM.INFO.{stream.name}" for stream in topology.streams if _holds_dead_letters(stream)}
    publish |= {discovery.reply_subject(service), wire.events_subject(service), discovery.found_subject(f"{service}.>")}
    asked = (discovery.cancel_subject(f"{service}.>"), discovery.find_subject(f"{service}.>"))
    return Permissions(tuple(sorted(publish)), (f"_INBOX_{service}.>", discovery.PING, discovery.ASK, *asked))


def _holds_dead_letters(stream: Stream) -> bool:
    return all(subject.startswith("dead.") for subject in stream.subjects)


def of_scheduler() -> Permissions:
    """Let the scheduler publish events, and read the last ones and the pauses."""
    publish = (
        "cron.>",
        f"$JS.API.DIRECT.GET.{CRON_STREAM}",
        f"$JS.API.DIRECT.GET.{CRON_PAUSED_STREAM}",
        discovery.reply_subject("scheduler"),
    )
    return Permissions(publish, ("_INBOX_scheduler.>", discovery.PING))


def of_producer(name: str, producer: Producer) -> Permissions:
    """Let a producer publish jobs of some types, and hear the broker's answers to what it published itself.

    One that waits also hears what becomes of jobs of these services, and asks what those of its types have returned.
    It lives in an account of its own. Within one account the broker's answer goes to whatever reply subject a publish
    names, unchecked, and so into any stream; and whoever may wait on `_INBOX.>` reads what others are answered.
    """
    awaited = producer.jobs if producer.waits else ()
    publish = {wire.JOBS + job_type for job_type in producer.jobs} | {discovery.find_subject(one) for one in awaited}
    heard = {wire.events_subject(wire.service_of(one)) for one in awaited}
    heard |= {discovery.found_subject(one) for one in awaited}
    return Permissions(tuple(sorted(publish)), (_CLI_INBOX, f"_INBOX_{name}.>", *sorted(heard)), producer_account(name))


def of_gateway(name: str, publishes: Iterable[str], offers: Iterable[str]) -> Permissions:
    """Let the process that strangers talk to publish what it enqueues itself, and the jobs that it offers them.

    Of those that it offers it may also put off, look up and take back the ones that wait, and look whether one is in
    its queue, hear what becomes of them, ask how far they are, and stop those that run. It lives in an account of its
    own, as a producer does: within the services' account it could have the broker write an answer of its choice, a
    stored job for instance, into any stream by naming a reply subject.
    """
    offered = sorted(set(offers))
    subjects = {wire.JOBS + job_type for job_type in (*publishes, *offered)}
    for job_type in offered:
        service, waiting = wire.service_of(job_type), f"later.{job_type}.>"
        later = later_stream(service)
        subjects |= {waiting, f"{IMPORTED_API}.DIRECT.GET.{later}.{waiting}", f"{IMPORTED_API}.STREAM.PURGE.{later}"}
        subjects |= {f"{IMPORTED_API}.DIRECT.GET.{queue_stream(service)}", discovery.cancel_subject(job_type)}
    subjects |= {discovery.reply_subject(name), discovery.ASK}
    heard = {wire.events_subject(wire.service_of(job_type)) for job_type in offered}
    return Permissions(tuple(sorted(subjects)), (f"_INBOX_{name}.>", discovery.PING, *sorted(heard)), name.upper())


def of_console(name: str) -> Permissions:
    """Let a console look, ask who is there, and record what it is asked for: no trick changes anything else.

    It has an account of its own, as the gateway.
    """
    asks = ("STREAM.LIST", "STREAM.INFO.*", "CONSUMER.INFO.*.*", "DIRECT.GET.*")
    publish = {*(f"{IMPORTED_API}.{ask}" for ask in asks), discovery.PING, discovery.reply_subject(CONSOLE)}
    publish.add(wire.audit_subject(CONSOLE))
    heard, account = (f"_INBOX_{name}.>", discovery.PING, f"{discovery.HERE}.>"), name.upper().replace("-", "_")
    return Permissions(tuple(sorted(publish)), heard, account)


def of_console_operator(name: str, topology: Topology, catalogue: Catalogue) -> Permissions:
    """Let a console look, and do what its actions need, in an account of its own; what it does it has to record.

    It publishes jobs, events by hand and pauses, removes single jobs and dead letters, pauses queues, takes back what
    waits and stops what runs. It empties no queue of work and no dead letters, and announces no schedule in its time.
    """
    looks, services = of_console(name), sorted({consumer.name for consumer in topology.consumers})
    publish = {*looks.publish, "jobs.>", "paused.>", discovery.cancel_subject(">")}
    publish |= {f"later.{job_type}.>" for job_type in catalogue.sent_by_people()} | {"console.>", *_MANUAL_EVENTS}
    for stream in topology.streams:
        if stream.is_queue or _holds_dead_letters(stream):
            publish.add(f"{IMPORTED_API}.STREAM.MSG.DELETE.{stream.name}")
    emptied = (*map(later_stream, services), CRON_PAUSED_STREAM)
    publish |= {f"{IMPORTED_API}.STREAM.PURGE.{stream}" for stream in emptied}
    publish |= {f"{IMPORTED_API}.CONSUMER.PAUSE.{one.stream}.{one.name}" for one in topology.consumers}
    heard = {*looks.subscribe, *(wire.events_subject(service) for service in services)}
    return Permissions(tuple(sorted(publish)), tuple(sorted(heard)), looks.account)


def of_operator() -> Permissions:
    """Let the person on call, and `provision`, do everything."""
    return Permissions((">",), (">",))


def users(
    topology: Topology,
    catalogue: Catalogue,
    producers: Mapping[str, Producer] | None = None,
    offered: Iterable[str] | None = None,
) -> dict[str, Permissions]:
    """Return every user of the broker and what it may do.

    `producers` are those outside by name; by default there is one, `producer`, which may publish all types that are
    not internal. `offered` are the job types that a gateway takes from strangers; by default it
    is the same.
    """
    services = {
        service: of_service(
            service,
            topology,
            catalogue.publishes.get(service, ()),
            counts_dead_letters=service in catalogue.counts_dead_letters,
        )
        for service in sorted({consumer.name for consumer in topology.consumers})
    }
    outside = {"producer": Producer(catalogue.public())} if producers is None else producers
    offers = catalogue.public() if offered is None else list(offered)
    gateways = {name: of_gateway(name, types, offers) for name, types in catalogue.gateways.items()}
    return {
        **services,
        **gateways,
        "scheduler": of_scheduler(),
        CONSOLE_VIEWER: of_console(CONSOLE_VIEWER),
        CONSOLE_OPERATOR: of_console_operator(CONSOLE_OPERATOR, topology, catalogue),
        **{name: of_producer(name, producer) for name, producer in outside.items()},
        "operator": of_operator(),
    }

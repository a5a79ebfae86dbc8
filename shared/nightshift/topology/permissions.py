"""What each user of the broker may do, computed from the topology: least privilege, as broker configuration.

See "Authorization" in the NATS documentation; `$JS.API` subjects are JetStream's requests (ADR-1).
"""

import json
from collections.abc import Mapping, Sequence

import msgspec

from nightshift.contract import wire
from nightshift.contract.catalogue import Catalogue
from nightshift.topology import discovery
from nightshift.topology.topology import CRON_PAUSED_STREAM, CRON_STREAM, Stream, Topology, later_stream, queue_stream

_CLI_INBOX = "_INBOX.>"
"""Where the `nats` command line and most clients wait for answers."""


class Permissions(msgspec.Struct, frozen=True):
    """Subjects that a user may publish and subscribe."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def of_service(
    service: str, topology: Topology, enqueues: Sequence[str], *, counts_dead_letters: bool = False
) -> Permissions:
    """A service's own consumers, its follow-up jobs, its copies for later and its dead letters.

    It also reads and repairs its own queues, message by message, and relays what the outbox holds for them. It can
    neither purge nor change a stream.
    """
    publish: set[str] = {f"{kind}.{service}.>" for kind in ("jobs", "later", "due", "dead")}
    publish |= {f"jobs.{job_type}" for job_type in enqueues}
    # A follow-up whose queue is full, or that is for later, goes by the other service's `later.`.
    publish |= {f"later.{job_type}.*" for job_type in enqueues}
    for consumer in topology.consumers_of(service):
        own = f"{consumer.stream}.{consumer.name}"
        publish |= {f"$JS.API.CONSUMER.MSG.NEXT.{own}", f"$JS.API.CONSUMER.INFO.{own}"}
        publish |= {f"$JS.ACK.{own}.>", f"$JS.ACK.*.*.{own}.>"}
        if consumer.stream == CRON_STREAM:
            publish.add("dead." + consumer.filter)
    for queue in (queue_stream(service), later_stream(service)):
        publish |= {f"$JS.API.DIRECT.GET.{queue}", f"$JS.API.STREAM.MSG.DELETE.{queue}"}
    if counts_dead_letters:
        publish |= {f"$JS.API.STREAM.INFO.{stream.name}" for stream in topology.streams if _holds_dead_letters(stream)}
    publish.add(discovery.reply_subject(service))
    return Permissions(tuple(sorted(publish)), (f"_INBOX_{service}.>", discovery.PING))


def _holds_dead_letters(stream: Stream) -> bool:
    return all(subject.startswith("dead.") for subject in stream.subjects)


def of_scheduler() -> Permissions:
    """The scheduler publishes events and reads the last ones and the pauses."""
    publish = (
        "cron.>",
        f"$JS.API.DIRECT.GET.{CRON_STREAM}",
        f"$JS.API.DIRECT.GET.{CRON_PAUSED_STREAM}",
        discovery.reply_subject("scheduler"),
    )
    return Permissions(publish, ("_INBOX_scheduler.>", discovery.PING))


def of_producer() -> Permissions:
    """A producer may publish jobs and hear the broker's answer; it can neither delay nor delete what others sent."""
    return Permissions((wire.JOBS + ">",), (_CLI_INBOX, "_INBOX_producer.>"))


def of_operator() -> Permissions:
    """The person on call, and `provision`, may do everything."""
    return Permissions((">",), (">",))


def users(topology: Topology, catalogue: Catalogue) -> dict[str, Permissions]:
    """Every user of the broker and what it may do."""
    table = {
        service: of_service(
            service,
            topology,
            catalogue.publishes.get(service, ()),
            counts_dead_letters=service in catalogue.counts_dead_letters,
        )
        for service in sorted({consumer.name for consumer in topology.consumers})
    }
    return {**table, "scheduler": of_scheduler(), "producer": of_producer(), "operator": of_operator()}


def broker_config(table: Mapping[str, Permissions], passwords: Mapping[str, str]) -> str:
    """The `authorization` block of a nats-server configuration; `passwords` may be bcrypt hashes."""
    entries = [_user(name, permissions, passwords[name]) for name, permissions in table.items()]
    return "\n".join(["authorization {", "  users = [", *entries, "  ]", "}", ""])


def _user(name: str, permissions: Permissions, password: str) -> str:
    allowed = {"publish": {"allow": list(permissions.publish)}, "subscribe": {"allow": list(permissions.subscribe)}}
    return f"    {{user: {json.dumps(name)}, password: {json.dumps(password)}, permissions: {json.dumps(allowed)}}}"

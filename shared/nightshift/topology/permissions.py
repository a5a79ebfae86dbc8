"""The permissions of each user of the broker, computed from the topology: least privilege, as broker configuration.

See "Authorization" in the NATS documentation; `$JS.API` subjects are JetStream's requests (ADR-1).
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nightshift.contract import wire
from nightshift.contract.catalogue import Catalogue
from nightshift.topology import discovery
from nightshift.topology.topology import CRON_PAUSED_STREAM, CRON_STREAM, Stream, Topology, later_stream, queue_stream

_CLI_INBOX = "_INBOX.>"
"""Where the `nats` command line and most clients wait for answers."""


ACCOUNT = "NIGHTSHIFT"
"""The account of the streams, the services and the operator. Every producer has an account of its own."""


class Permissions(msgspec.Struct, frozen=True):
    """Subjects that a user may publish and subscribe, and the account that it belongs to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    account: str = ACCOUNT


def of_service(
    service: str, topology: Topology, enqueues: Sequence[str], *, counts_dead_letters: bool = False
) -> Permissions:
    """Let a service use its own consumers, and publish its follow-up jobs, copies for later and dead letters.

    It also reads and repairs its own queues, message by message, and relays what the outbox holds for them. Of other
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
    if counts_dead_letters:
        publish |= {f"$JS.API.STREAM.INFO.{stream.name}" for stream in topology.streams if _holds_dead_letters(stream)}
    publish.add(discovery.reply_subject(service))
    return Permissions(tuple(sorted(publish)), (f"_INBOX_{service}.>", discovery.PING))


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


def of_producer(name: str, job_types: Iterable[str]) -> Permissions:
    """Let a producer publish jobs of some types, and hear the broker's answers to what it published itself.

    It lives in an account of its own. Within one account the broker's answer goes to whatever reply subject a publish
    names, unchecked, and so into any stream; and whoever may wait on `_INBOX.>` reads what others are answered.
    """
    subjects = tuple(sorted(wire.JOBS + job_type for job_type in job_types))
    return Permissions(subjects, (_CLI_INBOX, f"_INBOX_{name}.>"), producer_account(name))


def producer_account(name: str) -> str:
    """Return the account of a producer."""
    return "PRODUCER" if name == "producer" else f"PRODUCER_{name.upper().replace('-', '_')}"


def of_operator() -> Permissions:
    """Let the person on call, and `provision`, do everything."""
    return Permissions((">",), (">",))


def users(
    topology: Topology, catalogue: Catalogue, producers: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Permissions]:
    """Return every user of the broker and what it may do.

    `producers` maps names to the job types that each may publish; by default there is one, `producer`, which may
    publish all that are not internal.
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
    outside = {"producer": catalogue.public()} if producers is None else producers
    return {
        **services,
        "scheduler": of_scheduler(),
        **{name: of_producer(name, job_types) for name, job_types in outside.items()},
        "operator": of_operator(),
    }


def broker_config(table: Mapping[str, Permissions], passwords: Mapping[str, str]) -> str:
    """Return the `accounts` block of a nats-server configuration; `passwords` may be bcrypt hashes.

    Streams are in the account `NIGHTSHIFT`. It exports the subjects of jobs as services; each producer's account
    imports those that it may publish, so that acknowledgements, refusals and duplicates come back to it alone.
    """
    members: dict[str, list[str]] = {ACCOUNT: []}
    exports: dict[str, list[str]] = {}
    imports: dict[str, tuple[str, ...]] = {}
    for name, permissions in table.items():
        members.setdefault(permissions.account, []).append(_user(name, permissions, passwords[name]))
        if permissions.account != ACCOUNT:
            imports[permissions.account] = permissions.publish
            for subject in permissions.publish:
                exports.setdefault(subject, []).append(permissions.account)
    own = members.pop(ACCOUNT)
    services = ["jetstream: enabled", *_list("users", own), *_list("exports", map(_export, exports.items()))]
    producers = {
        account: [*_list("users", entries), *_list("imports", map(_import, imports[account]))]
        for account, entries in members.items()
    }
    accounts = [_account(name, lines) for name, lines in {ACCOUNT: services, **producers}.items()]
    return "\n".join(["accounts {", *accounts, "}", ""])


def _account(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"  {name} {{", *(f"    {line}" for line in lines), "  }"])


def _list(name: str, entries: Iterable[str]) -> list[str]:
    return [f"{name} = [", *(f"  {entry}" for entry in entries), "]"]


def _export(export: tuple[str, Sequence[str]]) -> str:
    subject, accounts = export
    return f"{{service: {json.dumps(subject)}, accounts: {json.dumps(accounts)}}}"


def _import(subject: str) -> str:
    return f"{{service: {{account: {ACCOUNT}, subject: {json.dumps(subject)}}}}}"


def _user(name: str, permissions: Permissions, password: str) -> str:
    allowed = {"publish": {"allow": list(permissions.publish)}, "subscribe": {"allow": list(permissions.subscribe)}}
    return f"{{user: {json.dumps(name)}, password: {json.dumps(password)}, permissions: {json.dumps(allowed)}}}"

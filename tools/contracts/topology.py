"""Generate the topology document: subjects, limits, streams and consumers, as the broker is asked for them."""

from typing import Any

from nightshift import backoff
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message
from nightshift.messaging.claim_check import MAX_CLAIM_BYTES
from nightshift.topology import discovery, topology
from nightshift.topology.consumer import ACK_WAIT, Consumer
from nightshift.topology.topology import Stream, Topology

_TYPE, _ID, _NAME = "<type>", "<job id>", "<name>"

SUBJECTS = {
    wire.job_subject(_TYPE): "a job to do now",
    f"later.{_TYPE}.{_ID}": "a job that waits for its time; publishing again replaces it, purging the subject cancels",
    wire.due_subject(_TYPE): "a job whose time has come; worked off like one on `jobs.`",
    wire.dead_subject(_TYPE): "a job that was given up on, with the reason in its headers",
    wire.CRON + _NAME: "a schedule came due",
    wire.CRON + _NAME + wire.MANUAL: "the same, asked for by hand",
    f"paused.{_NAME}": "a schedule is paused, by the operator",
    discovery.PING: "the operator asks who is there",
    f"{discovery.HERE}.<service>": "a process answers",
}


def declared() -> Topology:
    """Return the streams and consumers that the contracts call for."""
    return topology.declared_topology(load_catalogue())


def document() -> dict[str, Any]:
    """Return the whole document."""
    wanted = declared()
    return {
        "subjects": SUBJECTS,
        "limits": limits(),
        "deadReasons": list(wire.REASONS),
        "retries": {name: retries(cls) for name, cls in sorted(load_catalogue().messages.items())},
        "timeouts": {
            name: cls.TIMEOUT_SECONDS
            for name, cls in sorted(load_catalogue().messages.items())
            if cls.TIMEOUT_SECONDS is not None
        },
        "streams": [_stream(stream) for stream in wanted.streams],
        "consumers": [_consumer(consumer) for consumer in wanted.consumers],
    }


def retries(cls: type[Message]) -> dict[str, float]:
    """Return how often the jobs of a type are tried, and after which waits; giving up sooner is a breaking change."""
    policy = cls.RETRIES
    return {
        "most": policy.most,
        "baseSeconds": policy.base,
        "factor": policy.factor,
        "ceilingSeconds": policy.ceiling,
        "spanSeconds": round(policy.span.total_seconds()),
    }


def limits() -> dict[str, float]:
    """Return the limits that producers and operators rely on; for most of them, smaller is a breaking change."""
    return {
        "bodyAndHeadersBytes": wire.MAX_MESSAGE_BYTES,
        "bodyBytesBeforeClaimCheck": wire.MAX_INLINE_BYTES,
        "bodyBytesByClaimCheck": MAX_CLAIM_BYTES,
        "jobIdBytesBeforeHash": wire.MAX_ID_BYTES,
        "claimCheckDays": wire.CLAIM_LIFETIME.days,
        "deadLetterDays": topology.DEAD_LETTER_AGE.days,
        "duplicateWindowSeconds": topology.DUPLICATE_WINDOW.total_seconds(),
        "eventsKeptPerSchedule": topology.EVENTS_KEPT,
        "acknowledgeSeconds": ACK_WAIT.total_seconds(),
        "longestBackoffSeconds": backoff.CEILING_SECONDS,
    }


def of_document(content: dict[str, Any]) -> Topology:
    """Return the streams and consumers in a document, to be compared with a broker."""
    return Topology(
        streams=tuple(
            Stream(name=one["name"], subjects=tuple(one["subjects"]), purpose=one["purpose"], options=one["config"])
            for one in content["streams"]
        ),
        consumers=tuple(
            Consumer(
                stream=one["stream"],
                name=one["name"],
                filter=one["config"]["filter_subject"],
                new_only=one["config"]["deliver_policy"] == "new",
            )
            for one in content["consumers"]
        ),
    )


def _stream(stream: Stream) -> dict[str, Any]:
    config = {key: value for key, value in stream.config(1).items() if key not in {"name", "subjects", "num_replicas"}}
    return {"name": stream.name, "subjects": list(stream.subjects), "purpose": stream.purpose, "config": config}


def _consumer(consumer: Consumer) -> dict[str, Any]:
    config = {key: value for key, value in consumer.config().items() if key not in {"name", "durable_name"}}
    return {"stream": consumer.stream, "name": consumer.name, "config": config}

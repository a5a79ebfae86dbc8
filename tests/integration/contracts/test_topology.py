"""The topology document and a live broker are the same, and each difference is named."""

import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.stack import Stack
from nightshift.topology.provisioning import differences
from tests.harness import connected
from tools.contracts import topology
from tools.contracts.generate import FOLDER

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "topology.json").read_bytes())


@pytest.fixture
async def connection(provisioned: Stack) -> AsyncIterator[Connection]:
    """A connection to a broker that was provisioned."""
    async with connected(provisioned.broker) as opened:
        yield opened


async def test_a_provisioned_broker_is_as_the_document_says(connection: Connection) -> None:
    """Every stream, consumer, subject and limit; and the broker has no stream that the document does not know."""
    assert await differences(connection, topology.of_document(DOCUMENT)) == []
    names = (await manage(connection, "STREAM.NAMES"))["streams"]
    assert sorted(names) == sorted(stream["name"] for stream in DOCUMENT["streams"])
    for stream in names:
        consumers = (await manage(connection, f"CONSUMER.NAMES.{stream}"))["consumers"] or []
        declared = [one["name"] for one in DOCUMENT["consumers"] if one["stream"] == stream]
        assert sorted(consumers) == sorted(declared), stream


def _stream(document: dict[str, Any], name: str) -> Any:
    return next(stream for stream in document["streams"] if stream["name"] == name)


DIFFERENCES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "limit": (
        lambda document: _stream(document, "EMAIL")["config"].update(max_msg_size=1024),
        "stream EMAIL: max_msg_size is 524288, declared 1024",
    ),
    "subject": (
        lambda document: _stream(document, "EMAIL_LATER").update(subjects=["later.email.>"]),
        "stream EMAIL_LATER: subjects is ['later.email.>', 'due.email.>'], declared ['later.email.>']",
    ),
    "retention": (
        lambda document: _stream(document, "EMAIL_DLQ")["config"].update(retention="workqueue"),
        "stream EMAIL_DLQ: retention is 'limits', declared 'workqueue'",
    ),
    "age": (
        lambda document: _stream(document, "EMAIL_DLQ")["config"].update(max_age=1),
        "stream EMAIL_DLQ: max_age is 2592000000000000, declared 1",
    ),
    "stream": (
        lambda document: _stream(document, "EMAIL").update(name="MAILS"),
        "stream MAILS does not exist",
    ),
    "consumer": (
        lambda document: document["consumers"][0].update(name="mails"),
        "consumer mails on EMAIL does not exist",
    ),
    "filter": (
        lambda document: document["consumers"][0]["config"].update(filter_subject="jobs.email.send"),
        "consumer email on EMAIL: filter_subject is 'jobs.email.>', declared 'jobs.email.send'",
    ),
}


@pytest.mark.parametrize(("change", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
async def test_each_difference_is_named(
    connection: Connection, change: Callable[[dict[str, Any]], Any], expected: str
) -> None:
    """Stream or consumer, which field, what is and what was declared."""
    changed = copy.deepcopy(DOCUMENT)
    change(changed)
    assert await differences(connection, topology.of_document(changed)) == [expected]

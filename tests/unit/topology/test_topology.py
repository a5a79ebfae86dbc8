"""The declared topology: streams, consumers, subjects and limits as the design page says."""

from dataclasses import replace
from typing import Any

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import MAX_MESSAGE_BYTES
from nightshift.topology.topology import StreamLimits, Topology, declared_topology, topology

_DAY_NS = 24 * 3600 * 1_000_000_000
_TWO = topology(["email.send", "report.generate", "report.again"], {"report": "report", "cleanup": "nobody"})


def _config(declared: Topology, name: str) -> dict[str, Any]:
    return next(stream.config(3) for stream in declared.streams if stream.name == name)


def test_each_service_has_three_streams_and_schedules_have_three() -> None:
    """Jobs, jobs for later, dead letters; however many job types a service has; and one for what workers tell."""
    assert [stream.name for stream in _TWO.streams] == [
        *("EMAIL", "EMAIL_LATER", "EMAIL_DLQ"),
        *("REPORT", "REPORT_LATER", "REPORT_DLQ"),
        *("CRON", "CRON_DLQ", "CRON_PAUSED", "EVENTS", "AUDIT", "CONSOLE"),
    ]


def test_no_two_streams_take_the_same_subject() -> None:
    """A message is stored once."""
    subjects = [subject for stream in _TWO.streams for subject in stream.subjects]
    assert len(subjects) == len(set(subjects)) == 14


def test_a_queue_refuses_what_is_too_much() -> None:
    """A work queue on disk with a size limit, discard new, 512 KB a message, and atomic batches; no schedules."""
    assert _config(_TWO, "EMAIL") == {
        "name": "EMAIL",
        "subjects": ["jobs.email.>"],
        "storage": "file",
        "num_replicas": 3,
        "duplicate_window": 120_000_000_000,
        "retention": "workqueue",
        "discard": "new",
        "max_bytes": 1024**3,
        "max_msg_size": 512 * 1024,
        "allow_atomic": True,
        "allow_direct": True,
    }


def test_jobs_for_later_have_no_limit_that_could_discard_them() -> None:
    """A stream with schedules can only discard old messages: so it has no limit but that of one message's size."""
    config = _config(_TWO, "EMAIL_LATER")
    assert config["subjects"] == ["later.email.>", "due.email.>"]
    assert (config["retention"], config["allow_msg_schedules"]) == ("workqueue", True)
    assert config.keys().isdisjoint({"max_bytes", "max_msgs", "max_age", "max_msgs_per_subject", "discard"})


def test_a_waiting_copy_and_its_dead_letter_fit_where_they_go() -> None:
    """A copy has more headers than its job: its stream takes more, and still less than the broker's 1 MB."""
    assert MAX_MESSAGE_BYTES + 10_000 < _config(_TWO, "EMAIL_LATER")["max_msg_size"] < 1024 * 1024 - 10_000


@pytest.mark.parametrize("name", ["EMAIL_DLQ", "REPORT_DLQ", "CRON_DLQ"])
def test_dead_letters_stay_thirty_days_and_are_never_discarded_for_room(name: str) -> None:
    """Limits retention, so that they can be looked through; a full stream refuses."""
    config = _config(_TWO, name)
    assert config["subjects"] == [f"dead.{name.removesuffix('_DLQ').lower()}.>"]
    assert (config["retention"], config["discard"]) == ("limits", "new")
    assert config["max_age"] == 30 * _DAY_NS
    assert config["max_bytes"] == 256 * 1024**2


def test_events_are_kept_for_ever_the_last_two_hundred_of_each() -> None:
    """The newest event of a schedule is the scheduler's memory, so nothing ages out."""
    config = _config(_TWO, "CRON")
    assert config["subjects"] == ["cron.>"]
    assert (config["retention"], config["max_msgs_per_subject"]) == ("limits", 200)
    assert config.keys().isdisjoint({"max_age", "max_bytes", "max_msgs"})


def test_what_workers_tell_is_kept_for_three_days_the_newest_of_it() -> None:
    """News that nobody has to have: the oldest gives way."""
    config = _config(_TWO, "EVENTS")
    assert config["subjects"] == ["events.>"]
    assert (config["retention"], config["discard"]) == ("limits", "old")
    assert (config["max_age"], config["max_bytes"]) == (3 * _DAY_NS, 512 * 1024**2)


def test_what_people_did_is_kept_for_400_days_and_cannot_be_removed() -> None:
    """Its space is reserved; the oldest gives way, of each part for itself."""
    config = _config(_TWO, "AUDIT")
    assert config["subjects"] == ["audit.>"]
    assert (config["deny_delete"], config["deny_purge"]) == (True, True)
    assert (config["max_age"], config["max_bytes"]) == (400 * _DAY_NS, 256 * 1024**2)
    assert (config["retention"], config["discard"], config["max_msgs_per_subject"]) == ("limits", "old", 100_000)


def test_each_service_has_one_consumer_per_stream_named_after_itself() -> None:
    """No filter covers `later.>`; events are for the services that exist and consume them."""
    assert [(consumer.stream, consumer.name, consumer.filter, consumer.new_only) for consumer in _TWO.consumers] == [
        ("EMAIL", "email", "jobs.email.>", False),
        ("EMAIL_LATER", "email", "due.email.>", False),
        ("REPORT", "report", "jobs.report.>", False),
        ("REPORT_LATER", "report", "due.report.>", False),
        ("CRON", "report", "cron.report.>", True),
    ]
    assert [consumer.stream for consumer in _TWO.consumers_of("report")] == ["REPORT", "REPORT_LATER", "CRON"]


def test_a_consumer_leaves_all_decisions_to_the_worker() -> None:
    """Explicit acknowledgement in 30 s, no delivery limit, and room for 200,000 that wait for a nak's delay."""
    config = _TWO.consumers[0].config()
    assert (config["durable_name"], config["ack_policy"], config["max_deliver"]) == ("email", "explicit", -1)
    assert (config["ack_wait"], config["max_ack_pending"]) == (30_000_000_000, 200_000)
    assert config["deliver_policy"] == "all"
    assert _TWO.consumers[-1].config()["deliver_policy"] == "new"


def test_limits_can_be_set() -> None:
    """Where a queue is full is the operator's decision."""
    small = topology(["email.send"], {}, StreamLimits(queue_bytes=10, dead_letter_bytes=20))
    assert (_config(small, "EMAIL")["max_bytes"], _config(small, "EMAIL_DLQ")["max_bytes"]) == (10, 20)


def test_the_queue_of_a_service_of_short_jobs_is_emptied_in_bulk() -> None:
    """Limits retention, everything else as in a work queue; jobs for later stay in a work queue."""
    bulk = topology(["email.send", "report.generate"], {}, bulk=["email"])
    one_by_one = topology(["email.send", "report.generate"], {})
    assert _config(bulk, "EMAIL") == {**_config(one_by_one, "EMAIL"), "retention": "limits"}
    assert [stream for stream in bulk.streams if stream.name != "EMAIL"] == [
        stream for stream in one_by_one.streams if stream.name != "EMAIL"
    ]
    assert bulk.consumers == one_by_one.consumers


def test_a_service_is_short_when_all_its_types_are() -> None:
    """One that may take longer, or says nothing, would hold done jobs in the queue."""
    shipped = load_catalogue()
    long, unsaid = shipped.messages["report.generate"], shipped.messages["sync.external"]
    short = shipped.messages["email.send"]
    types = {"a.one": short, "a.two": short, "b.one": short, "b.two": long, "c.one": unsaid}
    assert replace(shipped, messages=types).short_services() == {"a"}
    assert declared_topology(shipped, bulk_removal=False) == topology(shipped.messages, shipped.event_consumers)

"""What people do is recorded before and after it, where nobody can remove it."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts.email import SendEmail
from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage, store
from nightshift.cli.command_line import parser
from nightshift.config.project import Project
from nightshift.contract import wire
from nightshift.contract.audit import AuditEntry, read_entry
from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.audit_stream import AUDIT_STREAM, MAX_ENTRY_BYTES
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology
from tests.harness import stored
from tests.integration.cli.harness import Operator
from tests.repository import ROOT
from tests.unit.cli.test_imports import commands_of

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
RECORDED = {
    ("queues", "pause", "email", "--because", "the provider is down"): "queues.pause",
    ("queues", "resume", "email"): "queues.resume",
    ("queues", "purge", "email", "--yes"): "queues.purge",
    ("jobs", "cancel", "waiting", "--yes"): "jobs.cancel",
    ("dlq", "redrive", "dead-1", "--yes"): "dlq.redrive",
    ("dlq", "purge", "dead-1", "--yes"): "dlq.purge",
    ("cron", "run", "report.weekly"): "cron.run",
    ("cron", "pause", "report.weekly"): "cron.pause",
    ("cron", "resume", "report.weekly"): "cron.resume",
    ("outbox", "retry", "--failed"): "outbox.retry",
}
RECORDED_ELSEWHERE = {("outbox", "drop"), ("webhooks", "replay")}
"""Recorded as well; their own tests have what they need."""
NOT_RECORDED = {
    ("send",): "publishes, as any producer may",
    ("keys", "create"): "the table of keys says when; the gateway's container, where it is typed, may not write here",
    ("keys", "revoke"): "the same",
    ("suppressions", "add"): "the list says when and why, and keeps addresses out of a record that nobody can remove",
    ("suppressions", "remove"): "the same",
    ("webhooks", "send"): "plays a provider, at the gateway's door",
    ("webhooks", "catch-up"): "asks a provider",
}
READS = {"list", "show", "find", "watch", "describe", "tail", "next", "history", "grant", "link", "top", "doctor"}
PROGRAMS = {"provision", "up", "worker", "scheduler", "gateway", "contracts", "new-project", "upgrade", "completion"}
PROGRAMS |= {"credentials"}


@pytest.fixture(autouse=True)
async def began(operator: Operator) -> AsyncIterator[datetime]:
    """When the test began, with a job that waits and a dead letter."""
    headers = {wire.JOB_ID: "waiting"}
    await store(operator.connection, "jobs.email.send", headers, msgspec.json.encode(MAIL))
    await store(operator.connection, "dead.email.send", {wire.JOB_ID: "dead-1"}, b"{}")
    yield datetime.now(UTC)
    await provisioned(operator)
    await operator.run("queues", "resume", "email")


async def provisioned(operator: Operator) -> None:
    """Make what a test has taken away."""
    await provision_broker(operator.connection, declared_topology(load_catalogue()))


async def recorded(operator: Operator, began: datetime) -> list[AuditEntry]:
    """Everything that is recorded since then, the oldest first."""
    entries = [read_entry(message.body) for message in await stored(operator.connection, AUDIT_STREAM)]
    return [entry for entry in entries if entry is not None and entry.at >= began]


def test_every_command_is_recorded_or_changes_nothing() -> None:
    """A new command is put into one of these lists, or was never thought of."""
    declared = {command for command in commands_of(parser(Project(ROOT))) if command}
    leaves = {one for one in declared if not any(other != one and other[: len(one)] == one for other in declared)}
    known = {tuple(command[:2]) for command in RECORDED} | RECORDED_ELSEWHERE | set(NOT_RECORDED)
    assert {one for one in leaves - known if one[-1] not in READS and one[0] not in PROGRAMS} == set()
    assert known <= leaves


@pytest.mark.parametrize("command", RECORDED, ids=" ".join)
async def test_what_a_command_changes_is_recorded_before_and_after(
    operator: Operator, began: datetime, command: tuple[str, ...]
) -> None:
    """With the same id, by whom, and what it does."""
    ran = await operator.run(*command)
    assert ran.code in {0, 1}, ran.err
    intent, end = await recorded(operator, began)
    assert (intent.turn, end.turn, intent.id) == ("intent", "done", end.id)
    assert (intent.action, intent.part) == (RECORDED[command], "cli")
    assert intent.who.endswith(f"@{os.uname().nodename}")
    assert intent.at <= end.at
    assert intent.reason == ("the provider is down" if "--because" in command else "")


async def test_the_broker_refuses_to_remove_or_to_rewrite_what_is_recorded(operator: Operator, began: datetime) -> None:
    """Whoever asks, the operator included; nor can the refusal be taken back."""
    await operator.run("queues", "pause", "email")
    config = (await manage(operator.connection, f"STREAM.INFO.{AUDIT_STREAM}"))["config"]
    for call, request in (
        ("MSG.DELETE", {"seq": 1}),
        ("PURGE", {}),
        ("UPDATE", {**config, "deny_delete": False, "deny_purge": False}),
    ):
        with pytest.raises(BrokerRefusedError):
            await manage(operator.connection, f"STREAM.{call}.{AUDIT_STREAM}", request)
    with pytest.raises(BrokerRefusedError):
        await store(operator.connection, "audit.cli", {"Nats-Rollup": "all"}, b"{}")
    with pytest.raises(BrokerRefusedError):
        await store(operator.connection, "audit.cli", {}, b"x" * (MAX_ENTRY_BYTES + 1))
    assert len(await recorded(operator, began)) == 2


async def test_its_space_is_reserved_when_it_is_made(operator: Operator) -> None:
    """The broker counts it as taken, whatever else is stored."""
    before = (await manage(operator.connection, "INFO"))["reserved_storage"]
    await manage(operator.connection, f"STREAM.DELETE.{AUDIT_STREAM}")
    assert before - (await manage(operator.connection, "INFO"))["reserved_storage"] == 256 << 20


async def test_what_fails_is_recorded_with_its_error(operator: Operator, began: datetime) -> None:
    """A queue whose consumer is gone cannot be paused."""
    await manage(operator.connection, "CONSUMER.DELETE.EMAIL.email")
    assert (await operator.run("queues", "pause", "email")).code == 4
    intent, end = await recorded(operator, began)
    assert (intent.turn, end.turn) == ("intent", "failed")
    assert "consumer" in end.error


async def test_what_cannot_be_recorded_is_not_done(operator: Operator, tmp_path: Path) -> None:
    """Not even with a yes; the text says why."""
    await manage(operator.connection, f"STREAM.DELETE.{AUDIT_STREAM}")
    environ = {"AUDIT_FILE": str(tmp_path / "kept" / "actions.jsonl")}
    for command in (("queues", "pause", "email"), ("queues", "purge", "email", "--yes")):
        ran = await operator.run(*command, environ=environ)
        assert ran.code == 4
        assert "not done, because it cannot be recorded" in ran.err
    assert "--unrecorded does it all the same" in ran.err
    info = await manage(operator.connection, "STREAM.INFO.EMAIL")
    assert info["state"]["messages"] == 1
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []


async def test_what_frees_space_or_lets_work_go_on_is_done_if_one_insists_and_recorded_afterwards(
    operator: Operator, began: datetime, tmp_path: Path
) -> None:
    """It is kept in a file of the person's own, and recorded with the next action."""
    await manage(operator.connection, f"STREAM.DELETE.{AUDIT_STREAM}")
    file = tmp_path / "kept" / "actions.jsonl"
    environ = {"AUDIT_FILE": str(file)}
    ran = await operator.run("queues", "purge", "email", "--yes", "--unrecorded", environ=environ)
    assert ran.code == 0
    assert (await manage(operator.connection, "STREAM.INFO.EMAIL"))["state"]["messages"] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    await provisioned(operator)
    await operator.run("queues", "pause", "email", environ=environ)
    entries = await recorded(operator, began)
    assert [(entry.action, entry.turn, entry.late) for entry in entries] == [
        ("queues.purge", "intent", True),
        ("queues.purge", "done", True),
        ("queues.pause", "intent", False),
        ("queues.pause", "done", False),
    ]
    assert file.read_bytes() == b""


async def test_the_list_shows_each_action_once_the_newest_last(operator: Operator) -> None:
    """With how it ended; by name, kind and target."""
    await operator.run("queues", "pause", "email", "--because", "the provider is down")
    letter = (await manage(operator.connection, "STREAM.INFO.EMAIL_DLQ"))["state"]["last_seq"]
    await operator.run("dlq", "purge", "dead-1", "--yes")
    await store(operator.connection, "audit.cli", {}, b"no entry")
    rows = (await operator.run("audit", "list", "--json", "--limit", "2")).json
    assert [(row["action"], row["on"], row["result"]) for row in rows] == [
        ("queues.pause", "email", "done"),
        ("dlq.purge", f"email:{letter}", "done"),
    ]
    assert (rows[0]["reason"], rows[1]["count"]) == ("the provider is down", 1)
    for options in (("--action", "dlq.p*"), ("--on", f"email:{letter}"), ("--limit", "1")):
        assert len((await operator.run("audit", "list", "--json", *options)).json) == 1
    assert (await operator.run("audit", "list", "--json", "--who", "nobody at all")).json == []
    text = (await operator.run("audit", "list")).out
    assert "pause email" in text
    assert "done 1" in text

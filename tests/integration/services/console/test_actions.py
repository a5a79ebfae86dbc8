"""What people do at the console: it is asked first, done once, and recorded; whoever may not is refused."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.email import SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage, store
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.console.rights import ROLES, Right
from nightshift.contract import wire
from nightshift.contract.audit import AuditEntry, read_entry
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology import schedule_pauses
from nightshift.topology.audit_stream import AUDIT_STREAM
from nightshift.topology.permissions import CONSOLE_OPERATOR, CONSOLE_VIEWER, IMPORTED_API
from tests.harness import connected, eventually, stored
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import begin_redrive
from tests.integration.services.console.harness import SAME_ORIGIN, Browser, Console, console, people
from tests.integration.services.console.stand_in import workers
from tests.integration.services.console.test_door import address, all_routes


@pytest.fixture
async def ada(desk: Console) -> AsyncIterator[Browser]:
    """The browser of an operator."""
    async with desk.person("ada") as browser:
        yield browser


async def recorded(connection: Connection, on: str) -> list[AuditEntry]:
    """What is recorded of one thing, the oldest first."""
    entries = [read_entry(message.body) for message in await stored(connection, AUDIT_STREAM)]
    return [entry for entry in entries if entry is not None and entry.on == on]


async def exists(connection: Connection, sequence: int) -> bool:
    """Whether a dead letter of email is there."""
    return any(message.sequence == sequence for message in await stored(connection, "EMAIL_DLQ"))


async def test_nothing_that_changes_something_is_without_a_right_of_its_own(tmp_path: Path) -> None:
    """No route but GET needs only the right to look, but for signing out; each right is used, or shown elsewhere."""
    changing = [route for route in all_routes(tmp_path) if route.method != "GET" and "sign" not in route.path]
    assert changing
    assert all(route.right not in {None, Right.LOOK} for route in changing)
    assert {route.right for route in changing} >= set(Right) - {Right.LOOK}
    assert ROLES["viewer"] < ROLES["operator"] < ROLES["admin"]


async def test_whoever_lacks_the_right_is_refused_at_the_route_and_sees_no_button(
    desk: Console, operator: Connection, tmp_path: Path
) -> None:
    """A viewer at every route that changes something, and at the page that asks before it."""
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="viewed")
    async with desk.person("vic") as vic:
        token = await vic.token()
        for route in all_routes(tmp_path):
            if route.right in {None, Right.LOOK}:
                continue
            form = {"token": token} if route.method == "POST" else None
            answer = await vic.client.request(route.method, address(route), data=form, headers=SAME_ORIGIN)
            assert answer.status_code == 403, route
            assert f"lacks the right {route.right}" in answer.text
        for path in ("/queues/email", "/dead", f"/dead/email/{sequence}", "/schedules/report.weekly"):
            text = (await vic.open(path)).text
            assert not any(word in text for word in ("Pause…", "Resume…", "Redrive…", "Redrive these", "Run now"))
    assert await exists(operator, sequence)


async def test_a_queue_is_paused_for_a_reason_and_a_time_and_resumed(ada: Browser, operator: Connection) -> None:
    """It says first what that does; without a reason the form comes back as it was filled in."""
    path = "/queues/sync/pause"
    assert "jobs in flight are finished" in (await ada.open(path)).text
    again = await ada.send(path, on=path, until="4h", reason=" ")
    assert again.status_code == 400
    assert "Say why" in again.text
    assert 'value="4h" selected' in again.text
    done = await ada.send(path, on=path, until="4h", reason="the provider is down <b>")
    assert "sync is paused" in done.text
    info = await manage(operator, "CONSUMER.INFO.SYNC.sync")
    assert timedelta(hours=3) < datetime.fromisoformat(info["config"]["pause_until"]) - datetime.now(UTC)
    assert "Resume…" in (await ada.open("/queues/sync")).text
    await ada.send("/queues/sync/resume", on="/queues/sync/resume")
    assert not (await manage(operator, "CONSUMER.INFO.SYNC.sync")).get("paused")
    entries = await recorded(operator, "sync")
    assert [(one.action, one.turn) for one in entries] == [
        ("queues.pause", "intent"),
        ("queues.pause", "done"),
        ("queues.resume", "intent"),
        ("queues.resume", "done"),
    ]
    assert {(one.who, one.part, one.address) for one in entries} == {("ada", "console", "127.0.0.1")}
    assert entries[0].reason == "the provider is down <b>"


async def test_a_dead_letter_runs_again_with_its_id_and_a_form_sent_twice_does_it_once(
    ada: Browser, operator: Connection
) -> None:
    """The second form finds that the letter is gone."""
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="again-1")
    path = f"/dead/email/{sequence}/redrive"
    assert "attempts counted from the start" in (await ada.open(path)).text
    token = await ada.token(path)
    first, second = [await ada.send(path, token=token) for _ in range(2)]
    assert ("Redriven" in first.text, second.status_code) == (True, 404)
    assert not await exists(operator, sequence)
    jobs = [message for message in await stored(operator, "EMAIL") if message.headers.get(wire.JOB_ID) == "again-1"]
    assert len(jobs) == 1
    assert [one.turn for one in await recorded(operator, f"email:{sequence}")] == ["intent", "done"]


async def test_a_dead_letter_is_discarded_only_by_an_admin_who_types_its_name_and_says_why(
    root: Browser, operator: Connection
) -> None:
    """There is no way back."""
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="away-1")
    path = f"/dead/email/{sequence}/discard"
    for form in ({"typed": "email", "reason": "old"}, {"typed": f"email:{sequence}"}):
        assert (await root.send(path, on=path, **form)).status_code == 400
    assert await exists(operator, sequence)
    await root.send(path, on=path, typed=f"email:{sequence}", reason="a test")
    assert not await exists(operator, sequence)


async def test_a_schedule_is_run_once_by_a_form_that_is_sent_twice(ada: Browser, operator: Connection) -> None:
    """The form's own id is the event's."""
    path = "/schedules/cleanup.daily/run"
    page = (await ada.open(path)).text
    once = page.partition('name="once" value="')[2].partition('"')[0]
    for _ in range(2):
        assert "cleanup.daily runs" in (await ada.send(path, on=path, once=once)).text
    fired = [one for one in await stored(operator, "CRON") if one.headers.get(wire.JOB_ID) == once]
    assert [one.subject for one in fired] == ["cron.cleanup.daily.manual"]


async def test_a_schedule_is_paused_and_its_resume_says_first_what_it_would_announce(
    ada: Browser, operator: Connection
) -> None:
    """By the policy of the schedule, as the scheduler decides it."""
    path = "/schedules/sync.all"
    await ada.send(f"{path}/pause", on=f"{path}/pause", reason="the provider is down")
    assert "sync.all" in await schedule_pauses.paused(operator)
    assert "makes up for nothing" in (await ada.open(f"{path}/resume")).text
    await ada.send(f"{path}/resume", on=f"{path}/resume")
    assert "sync.all" not in await schedule_pauses.paused(operator)


async def test_a_job_is_taken_back_where_it_waits(ada: Browser, operator: Connection) -> None:
    """For its time, or in its queue, where the page names its message; and what was not stopped is said."""
    message = b'{"to":"ada@example.com","subject":"Hi","body":"Hi"}'
    mail = SendEmail(to="ada@example.com", subject="Hi", body="Hi")
    await Publisher(operator).publish_later(mail, delay=timedelta(hours=2), job_id="put-off")
    path = "/cancel?type=email.send&id=put-off"
    assert "It waits for its time" in (await ada.open(path)).text
    assert "taken back before it ran" in (await ada.send(path, on=path)).text
    again = await ada.send(path, on=path)
    assert "Not cancelled" in again.text
    sequence = (await store(operator, "jobs.email.send", {wire.JOB_ID: "queued"}, message)).seq
    path = f"/cancel?type=email.send&id=queued&message={sequence}"
    assert "taken back before it ran" in (await ada.send(path, on=path)).text
    assert (await ada.open("/cancel?type=email.nothing&id=x")).status_code == 400


async def test_what_cannot_be_recorded_is_not_done_unless_it_lets_work_go_on_and_one_insists(
    broker: Broker, tmp_path: Path
) -> None:
    """A pause is refused; a redrive is offered all the same, and is recorded afterwards."""
    users, kept = tmp_path / "people.toml", tmp_path / "actions.jsonl"
    users.write_text(people(ada="operator"), encoding="utf-8")
    async with (
        connected(broker, "admin") as connection,
        console(tmp_path, broker, console_users_file=str(users), audit_file=str(kept)) as desk,
        desk.person("ada") as ada,
    ):
        sequence = await seed.dead(connection, "SmtpError: 550", job_id="insisted")
        config = (await manage(connection, f"STREAM.INFO.{AUDIT_STREAM}"))["config"]
        await manage(connection, f"STREAM.DELETE.{AUDIT_STREAM}")
        try:
            refused = await ada.send("/queues/email/pause", on="/queues/email/pause", until="1h", reason="why")
            assert refused.status_code == 503
            assert "cannot be recorded" in refused.text
            assert "Do it all the same" not in refused.text
            path = f"/dead/email/{sequence}/redrive"
            asked = await ada.send(path, on=path)
            assert "Do it all the same" in asked.text
            assert await exists(connection, sequence)
            assert "Redriven" in (await ada.send(path, on=path, unrecorded="yes")).text
            assert not await exists(connection, sequence)
            assert kept.read_bytes().count(b"\n") == 2
        finally:
            await manage(connection, f"STREAM.CREATE.{AUDIT_STREAM}", config)

        async def is_recorded() -> bool:
            return len(await recorded(connection, f"email:{sequence}")) == 2

        await eventually(is_recorded, what="it is recorded afterwards, by itself", timeout_seconds=20)
        assert all(one.late for one in await recorded(connection, f"email:{sequence}"))


def settings(user: str) -> dict[str, str]:
    """The settings of a console that logs in as one of its two users."""
    return {"nats_user": user, "nats_password": f"{user}-password", "nats_api_prefix": IMPORTED_API}


async def test_with_the_viewers_user_the_broker_refuses_what_an_admin_tries(guarded: Broker, tmp_path: Path) -> None:
    """Every action, whatever the role says: nothing is changed."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    login = ProcessSettings(nats_url=guarded.url, nats_user="operator", nats_password=Secret("operator-password"))
    operator = await connect(login, name="operator")
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="guarded")
    more = settings(CONSOLE_VIEWER) | {"audit_file": str(tmp_path / "actions.jsonl")}
    async with console(tmp_path, guarded, console_users_file=str(file), **more) as desk, desk.person("root") as root:
        for path, form in (await _actions(operator, sequence)).items():
            answer = await root.send(path, on="/", **form)
            assert answer.status_code in {403, 503}, f"{path}: {answer.text}"
            assert "permi" in answer.text.lower() or "does not let" in answer.text, f"{path}: {answer.text}"
    assert await exists(operator, sequence)
    assert not (await manage(operator, "CONSUMER.INFO.EMAIL.email")).get("paused")
    await operator.close()


async def test_with_the_operators_user_every_action_works(guarded: Broker, tmp_path: Path) -> None:
    """The broker lets it do what the console does, in an account of its own."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    login = ProcessSettings(nats_url=guarded.url, nats_user="operator", nats_password=Secret("operator-password"))
    operator = await connect(login, name="operator")
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="guarded-2")
    more = settings(CONSOLE_OPERATOR) | {"audit_file": str(tmp_path / "actions.jsonl")}
    async with console(tmp_path, guarded, console_users_file=str(file), **more) as desk, desk.person("root") as root:
        for path, form in (await _actions(operator, sequence)).items():
            answer = await root.send(path, on="/", **form)
            assert answer.status_code == 200, f"{path}: {answer.text}"
        await seed.dead(operator, "SmtpError: 421", job_id="guarded-3")
        async with workers(operator, lambda _: "done") as ran:
            await begin_redrive(root, "SmtpError: 421", letters=1)

            async def has_run() -> bool:
                return "guarded-3" in ran

            await eventually(has_run, what="it ran")
    await operator.close()


async def _actions(operator: Connection, sequence: int) -> dict[str, dict[str, str]]:
    mail = SendEmail(to="ada@example.com", subject="Hi", body="Hi")
    await Publisher(operator).publish_later(mail, delay=timedelta(hours=2), job_id="put-off")
    return {
        "/queues/email/pause": {"until": "1h", "reason": "why"},
        "/queues/email/resume": {},
        f"/dead/email/{sequence}/redrive": {},
        "/schedules/sync.all/run": {},
        "/schedules/sync.all/pause": {"reason": "why"},
        "/schedules/sync.all/resume": {},
        "/cancel?type=email.send&id=put-off": {},
    }

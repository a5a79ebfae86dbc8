"""Dead letters with another body, as a file, and with a second person; and what is not offered where it is refused."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.contract.audit import AuditEntry, read_entry
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.audit_stream import AUDIT_STREAM
from nightshift.topology.permissions import CONSOLE_VIEWER
from tests.harness import stored
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import begin_redrive, hidden_in, plan, shows
from tests.integration.services.console.harness import Browser, Console, console, people
from tests.integration.services.console.stand_in import workers

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hello</p>"}


@pytest.fixture
async def ada(desk: Console) -> AsyncIterator[Browser]:
    """The browser of an operator."""
    async with desk.person("ada") as browser:
        yield browser


async def recorded(connection: Connection, action: str) -> list[AuditEntry]:
    """What was recorded of an action."""
    entries = [read_entry(message.body) for message in await stored(connection, AUDIT_STREAM)]
    return [one for one in entries if one is not None and one.action == action]


async def test_a_letter_runs_again_with_a_body_that_was_edited_and_keeps_its_contract(
    ada: Browser, operator: Connection
) -> None:
    """It is shown for a reason, a mistake is told and nothing lost, and the job keeps its id."""
    sequence = await seed.dead(operator, "SmtpError: no such mailbox", job_id="edited-1")
    path = f"/dead/email/{sequence}/edit"
    assert "Edit and redrive…" in (await ada.open(f"/dead/email/{sequence}")).text
    asked = await ada.open(path)
    assert "ada@example.com" not in asked.text
    assert (await ada.send(path, on=path, reason=" ")).status_code == 400
    shown = await ada.send(path, on=path, reason="the address has a typing mistake")
    text = html.unescape(re.findall(r"<textarea[^>]*>\n(.*)</textarea>", shown.text, re.DOTALL)[0])
    assert msgspec.json.decode(text) == MAIL
    wrong = await ada.send(path, on=path, reason="a typing mistake", body=text.replace("ada@example.com", "nobody <b>"))
    assert wrong.status_code == 400
    assert "nobody &lt;b&gt;" in wrong.text
    done = await ada.send(path, on=path, reason="a typing mistake", body=text.replace("ada@", "grace@"))
    assert "Redriven" in done.text
    (job,) = [one for one in await stored(operator, "EMAIL") if one.headers.get(wire.JOB_ID) == "edited-1"]
    assert msgspec.json.decode(job.body) == MAIL | {"to": "grace@example.com"}
    assert not any(one.sequence == sequence for one in await stored(operator, "EMAIL_DLQ"))
    whats = [one.what for one in await recorded(operator, "dlq.redrive") if one.on == f"email:{sequence}"]
    assert whats == [f"redrive email:{sequence} (email.send, job edited-1) with another body"] * 2
    assert [one.reason for one in await recorded(operator, "jobs.reveal")][-1] == "the address has a typing mistake"


async def test_what_a_third_party_said_and_what_stays_hidden_is_not_edited(ada: Browser, operator: Connection) -> None:
    """Nobody at the console makes an event of a third party; and what is hidden would be saved as it is shown."""
    event = await seed.dead(operator, "StripeError", job_id="evt_1", job_type="webhook.received")
    answer = await ada.open(f"/dead/webhook/{event}/edit")
    assert (answer.status_code, "third parties" in answer.text) == (400, True)
    body = b'{"to":"a@example.com","subject":"Hi","body":"password=correct-horse-battery"}'
    sequence = (await store(operator, "dead.email.send", {wire.JOB_ID: "hidden", wire.DEAD_ERROR: "x"}, body)).seq
    answer = await ada.open(f"/dead/email/{sequence}/edit")
    assert (answer.status_code, "nightshift dlq redrive" in answer.text) == (400, True)
    assert "Edit and redrive…" not in (await ada.open(f"/dead/email/{sequence}")).text


async def test_letters_are_downloaded_in_full_before_they_are_discarded(root: Browser, operator: Connection) -> None:
    """The page that asks before they go offers it; each is a line; who has them is recorded."""
    ids = [f"export-{number}" for number in range(120)]
    for job_id in ids:
        await seed.dead(operator, "ExportError: gone", job_id=job_id)
    page = await plan(root, "error=ExportError", "discard", letters=120)
    assert "/dead/export?error=ExportError" in page
    page = await plan(root, "error=ExportError", "export", letters=120)
    refused = await root.send("/dead/export", **hidden_in(page))
    assert (refused.status_code, "Say why" in refused.text) == (400, True)
    answer = await root.send("/dead/export", **hidden_in(page), reason="before they go")
    assert answer.headers["content-disposition"] == 'attachment; filename="dead-letters.jsonl"'
    lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
    assert [line["jobId"] for line in lines] == ids
    assert lines[0]["body"] == MAIL
    assert [(one.turn, one.count) for one in await recorded(operator, "dlq.export")][1:] == [("done", 120)]


async def test_many_are_discarded_only_when_a_second_person_agrees(
    broker: Broker, operator: Connection, tmp_path: Path
) -> None:
    """Whoever asked cannot agree; nothing goes before; either may call it off."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin", ruth="admin", ada="operator"), encoding="utf-8")
    for number in range(4):
        await seed.dead(operator, "TwoError: gone", job_id=f"two-{number}")
    settings = {"console_users_file": str(file), "console_two_person": "3"}

    def there(found: list[str | None]) -> int:
        return sum(1 for one in found if one and one.startswith("two-"))

    async def left() -> int:
        return there([one.headers.get(wire.JOB_ID) for one in await stored(operator, "EMAIL_DLQ")])

    async with (
        console(tmp_path, broker, **settings) as desk,
        desk.person("root") as root,
        desk.person("ruth") as ruth,
        desk.person("ada") as ada,
    ):

        async def asked() -> str:
            hidden = hidden_in(await plan(root, "error=TwoError", "discard", letters=4))
            answer = await root.send("/dead/discard", **hidden, typed="4", reason="a test")
            assert "A second person has to agree" in answer.text
            return answer.url.path

        first = await asked()
        assert (await root.send(f"{first}/agree", on=first)).status_code == 403
        assert (await ada.send(f"{first}/agree", on=first)).status_code == 403
        assert "Agree" not in (await ada.open(first)).text
        called_off = await ruth.send(f"{first}/stop", on=first)
        assert "ruth stopped it" in called_off.text
        assert await left() == 4
        second = await asked()
        agreed = await ruth.send(f"{second}/agree", on=second)
        assert agreed.status_code == 200
        await shows(ruth, second, "All were acted on")
        assert await left() == 0
        again = await ruth.send(f"{second}/agree", on=second)
        assert "All were acted on" in again.text
    entries = await recorded(operator, "dlq.agree")
    assert [(one.who, one.turn) for one in entries] == [("ruth", "intent"), ("ruth", "done")]


async def test_a_body_that_is_not_kept_long_enough_stays_and_the_others_run(
    root: Browser, operator: Connection
) -> None:
    """Of a large body in the object store, which this console does not reach; one that is kept for long enough runs."""
    digest = "0" * 64
    for job_id, days in (("soon-gone", 10), ("kept", 44)):
        until = (datetime.now(UTC) + timedelta(days=days)).date()
        headers = {wire.JOB_ID: job_id, wire.DEAD_ERROR: "ClaimError", wire.CLAIM: f"claims/{until}/{digest}"}
        await store(operator, "dead.email.send", headers, b"")
    sequence = next(
        one.sequence for one in await stored(operator, "EMAIL_DLQ") if one.headers.get(wire.JOB_ID) == "soon-gone"
    )
    path = f"/dead/email/{sequence}/redrive"
    answer = await root.send(path, on=path)
    assert "may outlive" in answer.text
    async with workers(operator, lambda _: "done") as ran:
        bulk = await begin_redrive(root, "ClaimError", letters=2)
        text = await shows(root, bulk, "All were acted on")
        await shows(root, bulk, "<dt>Done</dt><dd>1</dd>")
    assert "1 letter stays" in text
    assert [one for one in ran if one in {"kept", "soon-gone"}] == ["kept"]


async def test_what_the_broker_would_refuse_is_not_offered(
    broker: Broker, operator: Connection, tmp_path: Path
) -> None:
    """A console that logs in as the viewer says that it is read-only, whatever people's roles are."""
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="not-offered")
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    settings = {"console_users_file": str(file), "nats_user": CONSOLE_VIEWER, "nats_password": "x"}
    pages = ("/", "/queues/email", "/dead", f"/dead/email/{sequence}", "/schedules/report.weekly", "/bulk")
    async with console(tmp_path, broker, **settings) as desk, desk.person("root") as root:
        await shows(root, "/dead", "not-offered")
        for path in (*pages, "/jobs/email.send?id=not-offered"):
            text = (await root.open(path)).text
            assert "read-only" in text
            assert not re.search(r'class="button|>Send</a>', text), path
        assert "will refuse this" in (await root.open("/queues/email/pause")).text


async def test_a_form_whose_session_had_ended_comes_back_filled_in(broker: Broker, tmp_path: Path) -> None:
    """After signing in, once; and what has no page of its own leads to the page above it."""
    file = tmp_path / "people.toml"
    file.write_text(people(ada="operator"), encoding="utf-8")
    async with console(tmp_path, broker, console_users_file=str(file)) as desk, desk.person("ada") as ada:
        path = "/queues/email/pause"
        form = {"token": await ada.token(path), "until": "4h", "reason": "the provider is down"}
        held = dict(ada.client.cookies)
        await ada.send("/sign-out")
        for name, value in held.items():
            ada.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        sign_in = await ada.send(path, on="/sign-in", **form)
        assert sign_in.url.path == "/sign-in"
        wanted = html.unescape(re.findall(r'name="next" value="([^"]*)"', sign_in.text)[0])
        back = await ada.send("/sign-in", on="/sign-in", name="ada", password="correct horse battery", next=wanted)
        assert 'value="4h" selected' in back.text
        assert 'value="the provider is down"' in back.text
        assert 'value="the provider is down"' not in (await ada.open(wanted)).text
        await ada.send("/sign-out")
        strange = await ada.send(f"/bulk/{'0' * 31}/stop", on="/sign-in")
        assert f'value="/bulk/{"0" * 31}"' in strange.text


async def test_a_console_for_nobody_says_how_to_name_somebody(broker: Broker, tmp_path: Path) -> None:
    """As it is shipped with compose: a form that nobody can pass would lead nowhere."""
    file = tmp_path / "people.toml"
    file.write_text("[users]\n", encoding="utf-8")
    async with console(tmp_path, broker, console_users_file=str(file)) as desk, desk.stranger() as browser:
        page = (await browser.open("/")).text
        assert "Nobody may sign in yet" in page
        assert "--hash-password" in page
        assert "<form" not in page
        file.write_text(people(ada="operator"), encoding="utf-8")
        assert 'name="password"' in (await browser.open("/sign-in")).text

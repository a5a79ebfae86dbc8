"""Sending a job by a form that is made of its contract."""

import html
import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.audit import read_entry
from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.audit_stream import AUDIT_STREAM
from tests.harness import stored
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import hidden_in
from tests.integration.services.console.harness import Browser, Console

PATH = "/send?type=email.send"
_HIDDEN_FIELD = r'<input type="hidden" name="(field[.][^"]+)" value="([^"]*)">'
MAIL = {"field.to": "ada@example.com", "field.subject": "Hi", "field.body": "<p>Hi</p>"}


@pytest.fixture
async def root(desk: Console) -> AsyncIterator[Browser]:
    """The browser of an admin."""
    async with desk.person("root") as browser:
        yield browser


async def test_every_type_has_a_form_that_its_sample_fills_in_and_its_contract_accepts(root: Browser) -> None:
    """Whatever fields a contract has: what the form sends unchanged keeps it."""
    for job_type in load_catalogue().sent_by_people():
        path = f"/send?type={job_type}"
        form = _filled_in((await root.open(path)).text)
        answer = await root.send(path, on=path, **form)
        assert "Send this job?" in answer.text, f"{job_type}: {answer.text}"


async def test_an_event_of_a_third_party_is_not_made_by_hand(root: Browser) -> None:
    """Whoever could would forge any."""
    answer = await root.open("/send?type=webhook.received")
    assert (answer.status_code, "published by the gateway only" in answer.text) == (404, True)
    assert "webhook.received" not in (await root.open("/send")).text


async def test_a_job_is_shown_before_it_is_sent_and_a_form_sent_twice_sends_one(
    root: Browser, operator: Connection
) -> None:
    """With its command line; then it is stored, and recorded."""
    preview = await root.send(PATH, on=PATH, **MAIL, id="by-form")
    assert "nightshift send email.send" in preview.text
    assert not [one for one in await stored(operator, "EMAIL") if one.headers.get(wire.JOB_ID) == "by-form"]
    confirmed = hidden_in(preview.text)
    first, second = [await root.send(PATH, **confirmed) for _ in range(2)]
    assert "is stored: EMAIL" in first.text
    assert "Not sent twice" in second.text
    (job,) = [one for one in await stored(operator, "EMAIL") if one.headers.get(wire.JOB_ID) == "by-form"]
    assert msgspec.json.decode(job.body) == {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
    entries = [read_entry(message.body) for message in await stored(operator, AUDIT_STREAM)]
    assert [one.turn for one in entries if one and one.on == "by-form"][:2] == ["intent", "done"]


async def test_what_breaks_the_contract_is_said_at_its_field_and_nothing_is_lost(root: Browser) -> None:
    """The form comes back as it was filled in."""
    answer = await root.send(PATH, on=PATH, **{**MAIL, "field.to": "nobody", "field.subject": "kept <b>"})
    assert answer.status_code == 400
    about = answer.text.partition('id="about-to"')[2].partition("</small>")[0]
    assert 'class="wrong"' in about
    assert "kept &lt;b&gt;" in answer.text
    strange = await root.send(PATH, on=PATH, **{**MAIL, "field.attachments": "[1,"})
    assert "expected JSON" in strange.text


async def test_a_job_for_later_waits_for_its_time(root: Browser, operator: Connection) -> None:
    """The time is in UTC."""
    preview = await root.send(PATH, on=PATH, **MAIL, id="later-by-form", at="2199-01-01T12:00")
    assert "2199-01-01 12:00" in preview.text
    await root.send(PATH, **hidden_in(preview.text))
    assert any(one.headers.get(wire.JOB_ID) == "later-by-form" for one in await stored(operator, "EMAIL_LATER"))


async def test_a_job_like_another_one_is_sent_from_its_body(root: Browser, operator: Connection) -> None:
    """Whoever sees a body changes it in the form of its type; the other job stays, and this one has its own id."""
    sequence = await seed.dead(operator, "SmtpError: 550 no mailbox", job_id="like-1")
    place = {"stream": "EMAIL_DLQ", "sequence": str(sequence)}
    shown = await root.send("/bodies", reason="to send it anew", **place)
    assert "Send another one like it" in shown.text
    fields = {name: html.unescape(value) for name, value in re.findall(_HIDDEN_FIELD, shown.text)}
    form = await root.send(PATH, edit="yes", **fields)
    assert _filled_in(form.text)["field.to"] == "ada@example.com"
    changed = _filled_in(form.text) | {"field.to": "grace@example.com"}
    preview = await root.send(PATH, on=PATH, **changed)
    await root.send(PATH, **hidden_in(preview.text))
    (job,) = [one for one in await stored(operator, "EMAIL") if b"grace@example.com" in one.body]
    assert job.headers[wire.JOB_ID] != "like-1"
    assert [one for one in await stored(operator, "EMAIL_DLQ") if one.sequence == sequence]


async def test_who_may_not_send_is_offered_no_other_job(desk: Console, operator: Connection) -> None:
    """An operator sees a body, and no more."""
    sequence = await seed.dead(operator, "SmtpError: 550 no mailbox", job_id="like-2")
    async with desk.person("ada") as ada:
        shown = await ada.send("/bodies", reason="to look", stream="EMAIL_DLQ", sequence=str(sequence))
        assert ("Hello" in shown.text, "Send another one" in shown.text) == (True, False)


def _filled_in(page: str) -> dict[str, str]:
    """What the form holds when nobody changes it."""
    inputs = re.findall(r'<input id="[^"]*" name="(field\.[^"]+)" value="([^"]*)"', page)
    texts = re.findall(r'<textarea id="[^"]*" name="(field\.[^"]+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(value) for name, value in (*inputs, *texts)}

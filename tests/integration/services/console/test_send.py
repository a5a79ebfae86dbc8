"""Sending a job by a form that is made of its contract."""

import html
import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.contract import wire
from nightshift.contract.audit import read_entry
from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.audit_stream import AUDIT_STREAM
from tests.harness import stored
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import hidden_in
from tests.integration.services.console.harness import Browser, Console

PATH = "/send?type=email.send"
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


async def test_a_job_like_another_one_is_sent_with_the_body_that_it_has(root: Browser, operator: Connection) -> None:
    """As JSON, to be changed: what is not changed stays as it was, and so does the tenant; the id is a new one."""
    headers = {wire.JOB_ID: "like-1", wire.TENANT: "acme"}
    body = '{"to":"ada@example.com","cc":null,"subject":"5\u00a0€","body":"one\\ntwo\\u0001"}'
    sequence = (await store(operator, "dead.email.send", headers, body.encode())).seq
    shown = await root.send("/bodies", reason="to send it anew", stream="EMAIL_DLQ", sequence=str(sequence))
    form = await root.send(PATH, **hidden_in(shown.text, '/send?type=email.send"'))
    text = html.unescape(form.text.partition('name="body"')[2].partition(">\n")[2].partition("</textarea>")[0])
    assert msgspec.json.decode(text) == msgspec.json.decode(body)
    changed = text.replace("ada@", "grace@").replace("\n", "\r\n")
    again = {"body": changed, "tenant": "acme", "once": hidden_in(form.text, 'class="card wide"')["once"]}
    preview = await root.send(PATH, **again)
    assert "--tenant acme" in html.unescape(preview.text)
    await root.send(PATH, **hidden_in(preview.text))
    (job,) = [one for one in await stored(operator, "EMAIL") if b"grace@example.com" in one.body]
    assert msgspec.json.decode(job.body)["body"] == "one\ntwo\x01"
    assert (job.headers[wire.JOB_ID] == "like-1", job.headers[wire.TENANT]) == (False, "acme")
    assert [one for one in await stored(operator, "EMAIL_DLQ") if one.sequence == sequence]


async def test_a_body_that_breaks_its_contract_is_told_and_can_be_mended(root: Browser) -> None:
    """Nothing that was written is lost, neither then nor by going back from the preview."""
    wrong = await root.send(PATH, on=PATH, body='{"to": 7}')
    assert (wrong.status_code, "$.to" in wrong.text, "{&#34;to&#34;: 7}" in wrong.text) == (400, True, True)
    right = '{"to": "ada@example.com", "subject": "Mended", "body": "Hi"}'
    preview = await root.send(PATH, on=PATH, body=right)
    assert "Send this job?" in preview.text
    back = await root.send(PATH, **hidden_in(preview.text), edit="yes")
    assert "Mended" in back.text.partition("<textarea")[2]


async def test_it_is_said_why_a_job_like_another_one_cannot_be_sent_from_here(
    root: Browser, operator: Connection
) -> None:
    """A secret stays hidden, so the body could not be sent whole; an empty object is a body as any other."""
    for body, said in ((b'{"password":"hunter22"}', "cannot be sent from here"), (b"{}", "Send another one like it")):
        sequence = (await store(operator, "dead.sync.all", {wire.JOB_ID: "like"}, body)).seq
        shown = await root.send("/bodies", reason="to look", stream="SYNC_DLQ", sequence=str(sequence))
        assert said in shown.text


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

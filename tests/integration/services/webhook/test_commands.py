"""`nightshift webhooks …` and `nightshift suppressions …`, against a running service and real HTTP."""

import json
import shlex
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from contracts.webhook import WebhookReceived
from demo.sites.http_site import HttpSite, Reply, Request
from nightshift.broker import connect
from nightshift.cli.command_line import parser
from nightshift.config.project import Project
from nightshift.config.settings import ProcessSettings
from nightshift.database import open_database
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.instants import rfc3339, utc_now
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import open_objects
from schema.tables import linked_accounts, users
from tests.harness import eventually
from tests.integration.cli.harness import Operator
from tests.integration.services.webhook.desk import event_of, stripe_event, subscription
from tests.repository import ROOT

UPDATED = "customer.subscription.updated"
SECRET = "whsec_made_up_secret_of_stripe"


@pytest.fixture(scope="module")
async def operator(stack: Stack) -> AsyncIterator[Operator]:
    """An operator beside a stack on which the webhook service runs."""
    await stack.provision()
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    service = Service(stack, "webhook")
    try:
        await service.start()
        await service.ready()
        yield Operator(stack, connection, stack.environment())
    finally:
        await service.kill()
        await connection.close()


async def _receive(operator: Operator, *events: WebhookReceived) -> None:
    """The gateway hands over events; returns when the service has worked them off."""
    objects = open_objects(
        operator.stack.objects.endpoint,
        operator.stack.objects.access_key,
        operator.stack.objects.secret_key,
        "nightshift",
    )
    publisher = Publisher(operator.connection, objects)
    for event in events:
        await publisher.publish(event, job_id=f"{event.source}-{event.event_id}")
    names = {event.event_id for event in events}

    async def are_there() -> bool:
        return names <= {row["eventId"] for row in await _listed(operator)}

    await eventually(are_there, what="the events have rows")
    await objects.close()


async def _listed(operator: Operator, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await operator.run("webhooks", "list", "--json", *options)).json
    return rows


async def test_events_are_listed_and_shown(operator: Operator) -> None:
    """By source, outcome, type and age; one in full, with its body."""
    now = utc_now()
    await _receive(
        operator,
        stripe_event("evt_list_1", UPDATED, subscription("list", "active")),
        stripe_event("evt_list_2", "invoice.created", {"id": "in_1"}),
        event_of("acme", "list 3", "order.paid", {"id": 3}, received_at=now, delivery_id="d-3"),
    )
    assert [row["eventId"] for row in await _listed(operator, "--source", "stripe", "--outcome", "done")] == [
        "evt_list_1"
    ]
    assert [row["eventId"] for row in await _listed(operator, "--type", "invoice.*")] == ["evt_list_2"]
    assert [row["eventId"] for row in await _listed(operator, "--since", "10m")] == ["list 3"]
    assert len(await _listed(operator, "--limit", "1")) == 1
    table = (await operator.run("webhooks", "list", "--source", "acme")).out
    assert "there is no handler for order.paid of acme" in table
    shown = await operator.run("webhooks", "show", "acme/list 3")
    assert '"id": 3' in shown.out
    assert "d-3" in shown.out
    (one,) = (await operator.run("webhooks", "show", "evt_list_1", "--json")).json
    assert (one["event"]["objectId"], one["message"]["eventType"]) == ("sub_list", UPDATED)
    missing = await operator.run("webhooks", "show", "stripe/evt_nowhere")
    assert (missing.code, "nightshift jobs find stripe-evt_nowhere" in missing.err) == (1, True)


async def test_an_event_is_replayed_when_there_is_a_handler_for_it(operator: Operator) -> None:
    """What was skipped for want of a linked account is done after one is linked, from the body that was kept."""
    push = {"repository": {"full_name": "eve/tool", "owner": {"login": "eve"}}}
    event = event_of("github", "a1b2", "push", push)
    await _receive(operator, event)
    assert [row["outcome"] for row in await _listed(operator, "--source", "github")] == ["skipped"]
    database = open_database(f"sqlite+aiosqlite:///{operator.stack.database}")
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": "eve", "email": "eve@example.com"})
        account = {"user_id": "eve", "service": "github", "external_account": "eve"}
        await connection.execute(insert(linked_accounts), account)
    await database.close()
    said = await operator.run("webhooks", "replay", "--source", "github", "--yes", "--json")
    assert (said.code, said.json) == (0, {"matched": 1, "redriven": 0, "replayed": 1, "gone": 0, "missing": []})

    async def is_done() -> bool:
        return [row["outcome"] for row in await _listed(operator, "--source", "github")] == ["done"]

    await eventually(is_done, what="the event is done")


async def test_a_dead_event_is_redriven(operator: Operator) -> None:
    """Its dead letter becomes the job again, under the id that it had, and is gone."""
    event = stripe_event("evt_dead", UPDATED, {"id": 17, "object": "subscription"})
    await _receive(operator, event)
    (row,) = await _listed(operator, "--outcome", "dead")
    assert "Expected `str`, got `int` - at `$.data.object.id`" in row["reason"]
    said = await operator.run("webhooks", "replay", "--outcome", "dead", "--yes", "--json")
    assert (said.code, said.json["redriven"]) == (0, 1)

    async def died_again() -> bool:
        letters = (await operator.run("dlq", "list", "--service", "webhook", "--json")).json
        return [letter["jobId"] for letter in letters] == ["stripe-evt_dead"]

    await eventually(died_again, what="it became a dead letter again")


@pytest.mark.parametrize(
    "command",
    [
        *(("webhooks", name) for name in ("list", "show", "replay", "send", "catch-up")),
        *(("suppressions", name) for name in ("list", "add", "remove")),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """--help says what it does and shows one use of it that parses."""
    made = parser(Project(ROOT))
    with pytest.raises(SystemExit) as ended:
        made.parse_args([*command, "--help"])
    example = capsys.readouterr().out.split("example:")[1].strip()
    assert (ended.value.code, example.startswith(f"nightshift {' '.join(command)} ")) == (0, True)
    made.parse_args(shlex.split(example)[1:])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("webhooks", "replay", "--yes"), "which events?"),
        (("webhooks", "send", "stripe", "sample.json"), "GATEWAY_WEBHOOKS is not set"),
        (("webhooks", "catch-up", "github", "--repo", "ada/engine"), "GITHUB_TOKEN is not set"),
        (("webhooks", "catch-up", "github", "--repo", "ada"), "is not a repository such as ada/engine"),
        (("suppressions", "add", "Ada <ada@example.com>"), "is not an address without a name"),
        (("suppressions", "add", "ada"), "is not an address without a name"),
    ],
)
async def test_wrong_use_is_explained(operator: Operator, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, and nothing was done."""
    environ = {"GITHUB_TOKEN": "gho_made_up"} if "is not a repo" in words else {}
    said = await operator.run(*arguments, environ=environ)
    assert (said.code, words in said.err) == (2, True), said.err


async def test_the_suppression_list_is_kept_by_hand(operator: Operator) -> None:
    """Added once in lower case, listed, taken off."""
    said = await operator.run(
        "suppressions", "add", "Ada@Example.com", "bob@bücher.example", "--detail", "asked for it"
    )
    assert (said.code, said.out) == (0, "2 addresses put on the suppression list\n")
    assert (await operator.run("suppressions", "add", "ada@example.com")).code == 1
    listed = (await operator.run("suppressions", "list", "--json")).json
    assert {row["address"] for row in listed} == {"ada@example.com", "bob@xn--bcher-kva.example"}
    assert {(row["reason"], row["detail"]) for row in listed} == {("manual", "asked for it")}
    assert "asked for it" in (await operator.run("suppressions", "list", "--reason", "manual")).out
    assert (await operator.run("suppressions", "remove", "ADA@example.com", "bob@bücher.example")).code == 0
    assert (await operator.run("suppressions", "remove", "ada@example.com")).code == 1
    assert (await operator.run("suppressions", "list")).out == "The suppression list is empty.\n"


async def test_a_sample_is_signed_and_posted(operator: Operator, tmp_path: Path) -> None:
    """As the provider would: with the source's first secret, over the bytes of the file."""
    sources, sample = tmp_path / "sources.toml", tmp_path / "sample.json"
    sources.write_text('[stripe]\nscheme = "stripe"\nsecrets = ["env:STRIPE_WEBHOOK_SECRET"]\n')
    sample.write_text('{"id": "evt_1", "object": "event", "type": "invoice.paid"}')
    environ = {"GATEWAY_WEBHOOKS": str(sources), "STRIPE_WEBHOOK_SECRET": SECRET}

    async def respond(_: Request) -> bytes:
        return b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"received":true}'

    async with HttpSite(respond) as site:
        command = ("webhooks", "send", "stripe", str(sample), "--to", site.url)
        said = await operator.run(*command, "--json", environ=environ)
        answer = {"event": "stripe/evt_1", "job": "stripe-evt_1", "source": "stripe", "status": 200}
        answer |= {"body": '{"received":true}'}
        assert (said.code, said.json) == (0, answer)
        assert "What becomes of it: nightshift jobs find stripe-evt_1" in said.err
        (request,) = site.requests
        assert request.path == "/webhooks/stripe"
        assert request.headers["stripe-signature"].startswith("t=")
        sample.write_text("{}")
        assert "what type of event this is" in (await operator.run(*command, environ=environ)).err
    away = await operator.run(*command, environ=environ)
    assert (away.code, "no answer from the gateway" in away.err) == (3, True)
    other = await operator.run("webhooks", "send", "strip", str(sample), environ=environ)
    assert (other.code, "did you mean stripe?" in other.err) == (2, True)


async def test_failed_deliveries_are_asked_for_again(operator: Operator) -> None:
    """Once for each event of which no attempt arrived, the last one of it; what is older or arrived is left alone."""
    now, asked = utc_now(), list[str]()

    def delivery(number: int, guid: str, status: int, hours: float) -> dict[str, Any]:
        at = rfc3339(now - timedelta(hours=hours))
        return {"id": number, "guid": guid, "delivered_at": at, "event": "push", "action": None, "status_code": status}

    pages = {
        "": [delivery(5, "b", 200, 1), delivery(4, "a", 503, 2)],
        "c2": [delivery(3, "a", 0, 3), delivery(2, "b", 500, 4), delivery(1, "old", 500, 49)],
        "c3": [delivery(0, "older", 500, 70)],
    }

    async def respond(request: Request) -> Reply:
        assert request.headers["authorization"] == "Bearer gho_made_up"
        if request.path.endswith("/attempts"):
            asked.append(request.path)
            return Reply(202, {}, b"{}")
        if request.path == "/repos/ada/engine/hooks":
            return Reply(200, {}, b'[{"id": 7, "name": "web"}]')
        cursor = request.query("cursor")
        following = {"": "c2", "c2": "c3"}.get(cursor)
        link = {"Link": f'<{site.url}{request.path}?cursor={following}>; rel="next"'} if following else {}
        return Reply(200, link, json.dumps(pages[cursor]).encode())

    async with HttpSite(respond) as site:
        environ = {"GITHUB_TOKEN": "gho_made_up", "GITHUB_URL": site.url}
        command = ("webhooks", "catch-up", "github", "--repo", "ada/engine", "--since", "2d", "--json")
        tried = await operator.run(*command, "--dry-run", environ=environ)
        assert ([row["delivery"] for row in tried.json], asked) == ([4], [])
        said = await operator.run(*command, environ=environ)
    assert (said.code, [(row["guid"], row["asked"]) for row in said.json]) == (0, [("a", True)])
    assert asked == ["/repos/ada/engine/hooks/7/deliveries/4/attempts"]
    assert not [request for request in site.requests if request.query("cursor") == "c3"]

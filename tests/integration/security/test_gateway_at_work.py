"""The gateway does all that its routes do with the broker's user that it is shipped with, and needs no other right."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from nightshift.broker.jetstream import manage
from nightshift.cli.queries.discover_workers import running_workers, workers_of
from nightshift.embedded.services import Service
from nightshift.topology.permissions import IMPORTED_API
from tests.api_keys import making
from tests.harness import stored
from tests.integration.security.conftest import Guarded
from tests.servers import serving

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}


@pytest.fixture(scope="module")
async def gateway(guarded: Guarded) -> AsyncIterator[Service]:
    """The gateway as its own user."""
    service = guarded.service("gateway", NATS_API_PREFIX=IMPORTED_API)
    async with serving(service):
        yield service


@pytest.fixture
async def http(guarded: Guarded, gateway: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key that may do everything."""
    assert gateway.running
    made = json.loads(await guarded.stack.run("nightshift.cli", *making("tests")))
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=guarded.stack.gateway_url, headers=headers, timeout=30) as client:
        yield client
    for stream in ("EMAIL", "EMAIL_LATER"):
        await manage(guarded.operator, f"STREAM.PURGE.{stream}")


async def test_every_route_works_without_one_refusal(
    guarded: Guarded, gateway: Service, http: httpx.AsyncClient
) -> None:
    """Jobs now, later, many at once; their state; one taken back."""
    path = "/v1/jobs/email.send"
    now = await http.post(path, json=MAIL, headers={"Idempotency-Key": "now"})
    later = await http.post(f"{path}?delay=1h", json=MAIL, headers={"Idempotency-Key": "later"})
    many = await http.post(f"{path}/batch", json={"jobs": [{"body": MAIL}] * 3})
    assert [answer.status_code for answer in (now, later, many)] == [202] * 3
    assert (await http.get(f"{path}/later")).json()["state"] == "scheduled"
    assert (await http.get(f"{path}/now")).json()["state"] == "accepted"
    assert (await http.delete(f"{path}/later")).status_code == 204
    assert (await http.delete(f"{path}/later")).status_code == 404
    assert len(await stored(guarded.operator, "EMAIL")) == 4
    for log in (gateway.log, guarded.stack.broker.log):
        text = log.read_text(errors="replace").lower()
        assert "permission" not in text
        assert "authorization violation" not in text


async def test_the_operator_sees_it(guarded: Guarded, gateway: Service) -> None:
    """Across accounts: the question reaches the gateway, and its answer the operator."""
    (answer,) = workers_of(await running_workers(guarded.operator), "gateway")
    assert answer.health == gateway.health_url

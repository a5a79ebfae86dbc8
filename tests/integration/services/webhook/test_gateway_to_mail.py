"""The whole way: a sample that is signed as Stripe signs goes to the gateway, and a mail comes out."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.process import Process
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.integration.cli.harness import Operator
from tests.repository import ROOT

_GATEWAY = "import sys; from services.gateway.service import main; sys.exit(main())"
_CHECKOUT = """\
{"id": "evt_17", "object": "event", "type": "checkout.session.completed", "created": 1795771798,
 "data": {"object": {"id": "cs_17", "object": "checkout.session", "payment_status": "paid", "amount_total": 4200,
  "currency": "eur", "customer_details": {"email": "ada@example.com", "name": "Ada"}}}}
"""


@pytest.fixture
async def operator(stack: Stack, tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator beside a gateway with the source `stripe`, the webhook service and the email service."""
    await stack.provision()
    sources = tmp_path / "sources.toml"
    sources.write_text('[stripe]\nscheme = "stripe"\nsecrets = ["env:STRIPE_WEBHOOK_SECRET"]\n')
    secrets = {"GATEWAY_WEBHOOKS": str(sources), "STRIPE_WEBHOOK_SECRET": "whsec_made_up_secret_of_stripe"}
    environ = {**stack.environment(), **secrets}
    async with AsyncExitStack() as running:
        connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
        running.push_async_callback(connection.close)
        for service in (Service(stack, "webhook"), Service(stack, "email")):
            running.push_async_callback(service.kill)
            await service.start()
        path = {"PYTHONPATH": ":".join([str(ROOT), str(ROOT / "shared")])}
        command = [sys.executable, "-c", _GATEWAY]
        gateway = Process("gateway", command, log=tmp_path / "gateway.log", cwd=ROOT, environment=environ | path)
        running.push_async_callback(gateway.kill)
        yield Operator(stack, connection, environ)


async def test_a_checkout_at_the_gateway_becomes_a_mail(operator: Operator, tmp_path: Path) -> None:
    """Verified, accepted, worked off, sent; the same sample again is the same event, and another body is refused."""
    sample = tmp_path / "checkout.json"
    sample.write_text(_CHECKOUT)
    send = ("webhooks", "send", "stripe", str(sample))

    async def is_accepted() -> bool:
        said = await operator.run(*send)
        return said.code == 0 and '"received":true' in said.out

    await eventually(is_accepted, what="the gateway accepts it", timeout_seconds=120)
    await eventually(operator.stack.mail.messages, what="a mail", timeout_seconds=120)
    again = await operator.run(*send)
    assert (again.code, "received" in again.out) == (0, True)
    url = f"http://127.0.0.1:{operator.environ['GATEWAY_PORT']}/webhooks/stripe"
    async with httpx.AsyncClient(trust_env=False) as client:
        forged = await client.post(url, content=_CHECKOUT, headers={"Stripe-Signature": "t=1795771798,v1=00"})
    assert forged.status_code == 401
    rows = (await operator.run("webhooks", "list", "--json")).json
    assert [(row["eventId"], row["outcome"], row["objectId"]) for row in rows] == [("evt_17", "done", "cs_17")]
    (mail,) = operator.stack.mail.messages()
    assert "ada@example.com" in mail.read_text("utf-8", "replace")

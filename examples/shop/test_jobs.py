"""The shop's jobs, through the worker's own pipeline."""

from pathlib import Path

import httpx

from examples.shop.jobs import ChargeInvoice, SendEmail, billing
from nightshift.testing import perform_job, route_of, temporary_database


async def test_an_invoice_is_charged_and_a_receipt_is_mailed(tmp_path: Path) -> None:
    """Once, however often the job is delivered."""
    answers = httpx.MockTransport(lambda _request: httpx.Response(201))
    provider = httpx.AsyncClient(base_url="https://pay.example", transport=answers)
    async with temporary_database(tmp_path, schema="examples.shop") as database:
        invoice = ChargeInvoice(invoice_id="17", cents=1999, email="ada@example.com")
        route = route_of(billing, ChargeInvoice, provider=provider)
        first = await perform_job(route, invoice, database=database, job_id="17")
        second = await perform_job(route, invoice, database=database, job_id="17")
    assert (first.outcome, second.outcome) == ("done", "duplicate")
    assert first.follow_ups[0].decode(SendEmail).body == "<p>Paid: 19.99</p>"

"""Pages of other origins: those that are named may use the gateway, no others."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.harness import Gateway, gateway

APP, EVIL = "https://app.example.com", "https://app.example.com.evil.example"
_PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that one origin may use."""
    async with gateway(tmp_path_factory.mktemp("shared"), gateway_cors_origins=APP) as running:
        yield running


async def test_a_named_origin_may_ask(shared: Gateway) -> None:
    """Before the request, and for its answer: also one that is a refusal."""
    allowed = await shared.client.options("/v1/jobs/email.send", headers={"Origin": APP, **_PREFLIGHT})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == APP
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    refused = await shared.client.post("/v1/jobs/email.send", json={}, headers={"Origin": APP})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == APP
    assert {"Location", "Retry-After", "ETag", "Idempotency-Replayed"} <= set(
        refused.headers["access-control-expose-headers"].split(", ")
    )


@pytest.mark.parametrize("origin", [EVIL, "https://example.com", "http://app.example.com", "null"])
async def test_another_origin_may_not(shared: Gateway, origin: str) -> None:
    """Its pages see no answer."""
    refused = await shared.client.options("/v1/jobs/email.send", headers={"Origin": origin, **_PREFLIGHT})
    assert refused.status_code == 400
    answer = await shared.client.get("/openapi.json", headers={"Origin": origin})
    assert {"access-control-allow-origin"}.isdisjoint({*refused.headers, *answer.headers})
    assert "access-control-allow-credentials" not in answer.headers


async def test_without_a_named_origin_none_may(door: Gateway) -> None:
    """The default."""
    answer = await door.client.get("/openapi.json", headers={"Origin": APP})
    assert "access-control-allow-origin" not in answer.headers

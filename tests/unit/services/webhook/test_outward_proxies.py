"""Proxies in the environment that cannot be used keep nobody from asking others: they are named, and left out."""

import httpx
import pytest

from nightshift.config.secret import Secret
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.http.token_keys import fetch_document
from nightshift.outcomes import Snooze
from services.webhook.cli.github_deliveries import GitHubDeliveries
from services.webhook.stripe.api import StripeApi

STRANGE = {"ALL_PROXY": "socks5://127.0.0.1:1080", "NO_PROXY": "localhost,[::1],fd00::/8"}


@pytest.fixture(autouse=True, params=list(STRANGE))
def _environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose user has set it for other programs."""
    monkeypatch.setenv(request.param, STRANGE[request.param])


def _nobody() -> str:
    return f"http://{LOOPBACK}:{free_ports(1)[0]}"


async def test_stripe_is_asked_all_the_same() -> None:
    """Nobody is there, which is known by having asked."""
    api = StripeApi(Secret("rk_test"), url=_nobody())
    with pytest.raises(Snooze, match=LOOPBACK):
        await api.get("/v1/charges/ch_1", None)


async def test_so_are_identity_providers_and_github() -> None:
    """Each request chooses its own proxy."""
    with pytest.raises(httpx.ConnectError):
        await fetch_document(_nobody())
    async with GitHubDeliveries(_nobody(), Secret("token")) as deliveries:
        assert deliveries is not None

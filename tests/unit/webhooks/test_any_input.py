"""Whatever bytes come in: a verdict and an event, never an exception."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.webhooks.event import ProviderEvent
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample
from nightshift.webhooks.verdict import Refused, Verified
from tests.unit.webhooks.providers import BODY, NOW, PROVIDERS, Provider, request_of, signed_request

NAMES = sorted({name for provider in PROVIDERS for name, _ in signed_request(provider).headers})
BITS = (b"t=", b"v1=", b"v1,", b"v1a,", b"v0=", b"sha256=", b"ts=", b"h1=", b"Bearer ", b",", b" ", b"=", b".")
TIMES = (b"1800000000", b"0", b"999999999999", b"1_0", b"1800000000.5", b"-1")
values = st.one_of(
    st.binary(max_size=80),
    st.lists(st.one_of(st.sampled_from([*BITS, *TIMES]), st.binary(max_size=70)), max_size=8).map(b"".join),
)
json_bodies = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "created", "event", "event_id", "event_time", "challenge", "timestamp"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_bodies.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 100_000, b'{"id":' * 5000, b'{"id": "\\ud800"}', b'{"created": 1e400}', b"a=%zz&&=&b"]),
)
requests = st.builds(
    WebhookRequest,
    bodies,
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, b"content-type", b"x-twilio-webhooks-signature-settings"]),
            values | st.just(b"application/x-www-form-urlencoded"),
        ),
        max_size=8,
    ),
    st.binary(max_size=60),
)
each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)


@each
@given(request=requests)
@settings(max_examples=60, deadline=None)
def test_a_verdict_whatever_comes_in(provider: Provider, request: WebhookRequest) -> None:
    """Nobody can be let in by guessing, and nobody can make it fail."""
    assert isinstance(provider.make(provider.secrets).verify(request, NOW), Refused)


@each
@given(request=requests)
@settings(max_examples=40, deadline=None)
def test_an_event_whatever_is_in_the_body(provider: Provider, request: WebhookRequest) -> None:
    """Its id fits a header and a key, its type is one line of text."""
    event = provider.make(provider.secrets).event(request)
    assert isinstance(event, ProviderEvent)
    assert 0 < len(event.id) <= 200
    assert event.id.isascii()
    assert event.id.isprintable()
    assert 0 < len(event.type) <= 255
    assert event.type.isprintable()
    event.type.encode()


@each
@given(body=bodies, position=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_whatever_is_signed_verifies(provider: Provider, body: bytes, position: int) -> None:
    """Any body, whichever of four secrets signed it; what the body says does not matter."""
    signer = provider.make((provider.secrets[position],))
    request = request_of(body, signer.sign(Sample(body), NOW))
    verdict = provider.make(provider.secrets).verify(request, NOW)
    assert isinstance(verdict, Verified)
    assert verdict.secret == position + 1


@given(secrets=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4, unique=True))
@settings(max_examples=25, deadline=None)
def test_any_text_may_be_a_secret(secrets: list[str]) -> None:
    """Of the schemes that take it as it is."""
    for provider in (PROVIDERS[0], PROVIDERS[3], PROVIDERS[4], PROVIDERS[5]):
        kept = [secret for secret in secrets if secret.isprintable()]
        for number, secret in enumerate(kept, 1):
            request = request_of(BODY, provider.make((secret,)).sign(Sample(BODY), NOW))
            verdict = provider.make(tuple(kept)).verify(request, NOW)
            assert isinstance(verdict, Verified)
            assert verdict.secret == number

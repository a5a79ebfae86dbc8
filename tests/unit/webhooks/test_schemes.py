"""What every scheme has in common: who is let in, who is not, and why."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.verdict import Refused, Verified
from tests.unit.webhooks.providers import BODY, NOW, PROVIDERS, TIMED, Provider, signed_request

each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
each_timed = pytest.mark.parametrize("provider", TIMED, ids=lambda provider: provider.name)


def changed(request: WebhookRequest, name: bytes, change: Callable[[bytes], bytes]) -> WebhookRequest:
    """Return the request with another value in one header."""
    return replace(request, headers=[(key, change(value) if key == name else value) for key, value in request.headers])


@each
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_secret_alone_verifies_and_the_verdict_says_which(provider: Provider, number: int) -> None:
    """While secrets are rotated, whatever the provider signs with is one of them."""
    scheme = provider.make(provider.secrets)
    verdict = scheme.verify(signed_request(provider, secret=number - 1), NOW)
    assert isinstance(verdict, Verified)
    assert verdict.secret == number
    assert verdict.signed_at == (NOW if provider.time_header else None)


@each
def test_a_secret_that_was_removed_verifies_no_more(provider: Provider) -> None:
    """Rotation ends when the old one is taken out."""
    scheme = provider.make(provider.secrets[1:])
    assert scheme.verify(signed_request(provider, secret=0), NOW) == Refused("bad-signature")


@pytest.mark.parametrize(
    "provider", [one for one in PROVIDERS if one.name != "token"], ids=lambda provider: provider.name
)
@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"evt_1", b"evt_2"), BODY.replace(b" ", b"")])
def test_another_body_is_refused(provider: Provider, body: bytes) -> None:
    """Also one that means the same as JSON: what is signed are bytes."""
    request = replace(signed_request(provider), body=body)
    verdict = provider.make(provider.secrets).verify(request, NOW)
    # Twilio signs a hash of the body in the query: an empty body has none, and its URL was signed as well.
    assert verdict == Refused("bad-signature") or (provider.name == "twilio" and not body)


@each
@pytest.mark.parametrize("value", [None, b""], ids=["missing", "empty"])
def test_a_request_without_signature_says_nothing(provider: Provider, value: bytes | None) -> None:
    """An empty header is as good as none."""
    request = signed_request(provider)
    headers = [(name, value or b"") for name, value in request.headers if name != provider.signature_header]
    if value is not None:
        headers.append((provider.signature_header, value))
    assert provider.make(provider.secrets).verify(replace(request, headers=headers), NOW) == Refused("no-header")


@each
@pytest.mark.parametrize(
    "value",
    [b"x" * 8193, "sïgnature".encode(), b"\x00", b"a\x7f"],
    ids=["too long", "not ASCII", "NUL", "control character"],
)
def test_a_header_that_no_provider_sends_is_malformed(provider: Provider, value: bytes) -> None:
    """It is not even compared."""
    request = changed(signed_request(provider), provider.signature_header, lambda _: value)
    assert provider.make(provider.secrets).verify(request, NOW) == Refused("malformed")


@each
def test_a_signature_header_that_comes_twice_is_malformed(provider: Provider) -> None:
    """One proxy would take the first, another the last."""
    request = signed_request(provider)
    twice = replace(request, headers=[*request.headers, (provider.signature_header, b"x")])
    assert provider.make(provider.secrets).verify(twice, NOW) == Refused("malformed")


@pytest.mark.parametrize("name", ["stripe", "standard", "hmac with items"])
def test_at_most_sixteen_signatures_are_compared(name: str) -> None:
    """A good one among sixteen is found; with a seventeenth, nothing is looked at."""
    provider = next(one for one in PROVIDERS if one.name == name)
    between, wrong = {"stripe": (b",", b"v1=0"), "standard": (b" ", b"v1,0"), "hmac with items": (b";", b"h1=0")}[name]
    scheme, request = provider.make(provider.secrets), signed_request(provider)
    sixteen = changed(request, provider.signature_header, lambda value: between.join([*[wrong] * 15, value]))
    seventeen = changed(request, provider.signature_header, lambda value: between.join([*[wrong] * 16, value]))
    assert isinstance(scheme.verify(sixteen, NOW), Verified)
    assert scheme.verify(seventeen, NOW) == Refused("malformed")


@each_timed
@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (300, None),
        (301, Refused("timestamp-old", -301)),
        (86_400, Refused("timestamp-old", -86_400)),
        (-300, None),
        (-301, Refused("timestamp-future", 301)),
        (-86_400, Refused("timestamp-future", 86_400)),
    ],
)
def test_time_counts_in_both_directions(provider: Provider, seconds: int, verdict: Refused | None) -> None:
    """Five minutes by default; the verdict has the difference of the clocks, negative for the past."""
    found = provider.make(provider.secrets).verify(signed_request(provider), NOW + seconds)
    assert found == verdict if verdict else isinstance(found, Verified)


@each_timed
@pytest.mark.parametrize(
    "time", [b"1_800_000_000", b" 1800000000", b"+1800000000", b"1800000000.0", b"1.8e9", b"", b"-1", b"1" * 13]
)
def test_a_timestamp_is_digits_only(provider: Provider, time: bytes) -> None:
    """What Python's `int()` and `float()` accept besides is refused before anything is compared."""
    assert provider.time_header is not None
    digits = b"%d" % NOW
    request = changed(signed_request(provider), provider.time_header, lambda value: value.replace(digits, time))
    verdict = provider.make(provider.secrets).verify(request, NOW)
    assert verdict in {Refused("malformed"), Refused("no-header")}


@pytest.mark.parametrize("name", ["stripe", "hmac with items"])
def test_two_timestamps_are_malformed(name: str) -> None:
    """Which of them was signed is anybody's guess."""
    provider = next(one for one in PROVIDERS if one.name == name)
    prefix = {"stripe": b"t=", "hmac with items": b"ts="}[name]
    request = changed(signed_request(provider), provider.signature_header, lambda value: prefix + b"1," + value)
    assert provider.make(provider.secrets).verify(request, NOW) == Refused("malformed")


def test_stripes_other_signatures_count_for_nothing() -> None:
    """`v0` is a test's: were it accepted, a good signature could be sent under the weaker name."""
    stripe = PROVIDERS[0]
    request = changed(signed_request(stripe), b"stripe-signature", lambda value: value.replace(b"v1=", b"v0="))
    assert stripe.make(stripe.secrets).verify(request, NOW) == Refused("malformed")


def test_a_standard_webhook_with_signatures_of_both_kinds_verifies_by_either_secret() -> None:
    """A provider that changes from `v1` to `v1a` sends both for a while."""
    old, new = PROVIDERS[1], PROVIDERS[2]
    by_new = dict(signed_request(new).headers)[b"webhook-signature"]
    request = changed(signed_request(old), b"webhook-signature", lambda value: value + b" v2,x " + by_new)
    for provider in (old, new):
        assert isinstance(provider.make(provider.secrets).verify(request, NOW), Verified)


@each_timed
def test_a_sample_that_is_signed_within_a_second_verifies(provider: Provider) -> None:
    """Clocks have fractions, timestamps have none."""
    verdict = provider.make(provider.secrets).verify(signed_request(provider, now=NOW + 0.7), NOW)
    assert isinstance(verdict, Verified)
    assert verdict.signed_at == NOW


@each
def test_a_scheme_shows_no_secret(provider: Provider) -> None:
    """Not even in a debugger's line."""
    assert not any(secret in repr(provider.make(provider.secrets)) for secret in provider.secrets)

"""The providers' own Python packages: what they sign verifies, and they judge random requests as we do.

Where they judge otherwise, the reason is one of a written list, and each reason is seen to occur.
"""

import base64
import contextlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import standardwebhooks
import stripe
import svix.webhooks
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Scheme
from nightshift.webhooks.schemes.slack import SlackScheme
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.stripe import StripeScheme
from nightshift.webhooks.schemes.twilio import TwilioScheme
from nightshift.webhooks.verdict import Verified
from tests.unit.webhooks.providers import URL

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FORM = "application/x-www-form-urlencoded"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@dataclass(frozen=True)
class Case:
    """A request, and when it is judged."""

    body: bytes
    headers: Mapping[str, str]
    now: float

    def ours(self, scheme: Scheme) -> bool:
        """Judge it ourselves."""
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
        return isinstance(scheme.verify(WebhookRequest(self.body, headers), self.now), Verified)


def accepted(judge: Callable[[], object]) -> bool:
    """Return a package's verdict; what it stumbles over it does not accept."""
    with contextlib.suppress(Exception):
        return judge() is not False
    return False


def agree(case: Case, *, ours: bool, theirs: bool, reasons: Mapping[str, Callable[[Case], bool]]) -> None:
    """Check that both say the same, or that the list says why not."""
    if ours != theirs:
        named = [reason for reason, applies in reasons.items() if applies(case)]
        assert named, f"ours: {ours}, theirs: {theirs}, {case}"


# How a signature's header is damaged; `{…}` are its parts.
shifts = st.sampled_from([0, 0, 0, -299, -302, -86_400, 302, 86_400])
spelled = st.sampled_from(["{}", "{}", "{}", " {}", "+{}", "0{}", "{}.0", "{}_0", "", "x", "-{}"])


def stripe_signed(body: str, moment: int) -> str:
    """Sign with Stripe's package."""
    header: str = stripe.WebhookSignature.generate_signature_header(body, SECRET, moment)
    return header


STRIPE_REASONS: Mapping[str, Callable[[Case], bool]] = {
    "theirs accepts the future": lambda case: moment_of(case.headers["stripe-signature"]) > case.now + 299,
    "theirs takes what int() takes for a time, and writes it anew": lambda case: (
        re.search(r"(^|,)t=[1-9][0-9]{0,11}(,|$)", case.headers["stripe-signature"]) is None
    ),
    "theirs takes the first of several times": lambda case: case.headers["stripe-signature"].count("t=") > 1,
    "theirs ignores what follows a second '='": lambda case: (
        re.search(r"v1=[^,]*=", case.headers["stripe-signature"]) is not None
    ),
    "theirs looks at any number of signatures": lambda case: case.headers["stripe-signature"].count("v1=") > 16,
}


def moment_of(header: str) -> int:
    """Return the time in Stripe's header; 0 without one."""
    found = re.search(r"t=([0-9]{1,12})", header)
    return int(found[1]) if found else 0


@given(
    body=texts,
    shift=shifts,
    spelled=spelled,
    template=st.sampled_from(
        [
            "t={t},v1={s}",
            "v1={s},t={t}",
            "t={t},v1=0,v1={s}",
            "t={t},v0={s}",
            "t={t}, v1={s}",
            "t={t},v1={s}=",
            "t={t},v1={s}=x",
            "t={t},t=1,v1={s}",
            "t={t},v1=" + "0,v1=" * 16 + "{s}",
            "t={t};v1={s}",
            "t={t},v1={s},",
            "t={t},v1={s},x",
            "t={t}",
            "v1={s}",
            "{s}",
            "t={t},v1={s}\u00e9",
            "t={t},V1={s}",
        ]
    ),
    extra=st.sampled_from(["", "", "", " ", "x"]),
)
@settings(max_examples=100, deadline=None)
def test_stripe_judges_as_we_do(body: str, shift: int, spelled: str, template: str, extra: str) -> None:
    """`stripe.WebhookSignature.verify_header` and ours, on what it signed and what became of it."""
    now = int(time.time())
    signature = stripe_signed(body, now + shift).partition("v1=")[2]
    header = template.format(t=spelled.format(now + shift), s=signature)
    case = Case((body + extra).encode(), {"stripe-signature": header}, now)
    theirs = accepted(lambda: stripe.WebhookSignature.verify_header(case.body, header, SECRET, 300))
    agree(case, ours=case.ours(StripeScheme((SECRET,))), theirs=theirs, reasons=STRIPE_REASONS)


STANDARD_REASONS: Mapping[str, Callable[[Case], bool]] = {
    "theirs takes what float() takes for a time": lambda case: (
        re.fullmatch(r"[0-9]{1,12}", case.headers["webhook-timestamp"]) is None
    ),
    "theirs stumbles over a word without a comma, or with two": lambda case: any(
        word.count(",") != 1 for word in case.headers["webhook-signature"].split(" ")
    ),
    "theirs decodes other spellings of the same base64": lambda case: any(
        lenient(word) for word in case.headers["webhook-signature"].split(" ")
    ),
    "theirs looks at any number of signatures": lambda case: case.headers["webhook-signature"].count(",") > 16,
    "theirs stumbles over a broken signature before a good one": lambda case: (
        "v1,abc" in case.headers["webhook-signature"]
    ),
    "theirs writes the time anew before it signs": lambda case: case.headers["webhook-timestamp"].startswith("0"),
}


def lenient(word: str) -> bool:
    """Return whether Python's decoder takes a signature that is not written as one is."""
    with contextlib.suppress(ValueError):
        written = word.partition(",")[2]
        return base64.b64encode(base64.b64decode(written)).decode() != written
    return False


@given(
    body=texts,
    shift=shifts,
    spelled=spelled,
    template=st.sampled_from(
        [
            "v1,{s}",
            "v1,AAAA v1,{s}",
            "v1,abc v1,{s}",
            "v1,{s} v1",
            "v1a,{s}",
            "v2,{s}",
            "V1,{s}",
            "v1,{s}!",
            "v1,{s},x",
            "{s}",
            "v1",
            "",
            "v1," + "AAAA v1," * 17 + "{s}",
            "  v1,{s}",
        ]
    ),
    extra=st.sampled_from(["", "", "", " "]),
    message_id=st.sampled_from(["msg_1", "msg_1", "msg.2", ""]),
    prefix=st.sampled_from(["webhook", "svix"]),
)
@settings(max_examples=100, deadline=None)
def test_standard_webhooks_judge_as_we_do(
    *, body: str, shift: int, spelled: str, template: str, extra: str, message_id: str, prefix: str
) -> None:
    """`standardwebhooks` under its own names, and `svix` under Svix's."""
    now = int(time.time())
    official = standardwebhooks.Webhook(SECRET)
    signed_at = datetime.fromtimestamp(now + shift, UTC)
    signature = official.sign(message_id, signed_at, body).partition(",")[2]
    standard = {
        "webhook-id": message_id,
        "webhook-timestamp": spelled.format(now + shift),
        "webhook-signature": template.format(s=signature),
    }
    sent = {name.replace("webhook", prefix): value for name, value in standard.items()}
    judge = svix.webhooks.Webhook(SECRET).verify if prefix == "svix" else _judge(official)
    case = Case((body + extra).encode(), standard, now)
    theirs = accepted(lambda: judge(case.body, sent))
    ours = Case(case.body, sent, now).ours(StandardScheme((SECRET,)))
    agree(case, ours=ours, theirs=theirs, reasons=STANDARD_REASONS)


def _judge(official: standardwebhooks.Webhook) -> Callable[[bytes, dict[str, str]], object]:
    return lambda body, headers: official.verify(body, headers, json_parse=False)


SLACK_REASONS: Mapping[str, Callable[[Case], bool]] = {
    "theirs takes what int() takes for a time": lambda case: (
        re.fullmatch(r"[0-9]{1,12}", case.headers["x-slack-request-timestamp"]) is None
    ),
}


@given(
    body=texts,
    shift=shifts,
    spelled=spelled,
    template=st.sampled_from(["{s}", "{s}", "v0={s}", "{s},{s}", "", "v0=", "V{s}", "{s} ", "\u00e9{s}"]),
    extra=st.sampled_from(["", "", "", " "]),
)
@settings(max_examples=80, deadline=None)
def test_slack_judges_as_we_do(body: str, shift: int, spelled: str, template: str, extra: str) -> None:
    """`slack_sdk.signature.SignatureVerifier` and ours."""
    now = int(time.time())
    official = SignatureVerifier(SECRET)
    moment = spelled.format(now + shift)
    signature = official.generate_signature(timestamp=moment, body=body) or ""
    headers = {"x-slack-request-timestamp": moment, "x-slack-signature": template.format(s=signature)}
    case = Case((body + extra).encode(), headers, now)
    theirs = accepted(lambda: official.is_valid_request(case.body, dict(headers)))
    agree(case, ours=case.ours(SlackScheme((SECRET,))), theirs=theirs, reasons=SLACK_REASONS)


class Form(dict[str, list[str]]):
    """A form with repeated fields, as Flask gives it to Twilio's package."""

    def getall(self, name: str) -> list[str]:
        """Return a field's values."""
        return self[name]


@given(
    fields=st.lists(st.tuples(st.sampled_from("ABab"), texts), max_size=6),
    template=st.sampled_from(["{s}", "{s}", "{s}=", " {s}", "", "x"]),
    port=st.sampled_from(["", ":443"]),
    algorithm=st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]),
)
@settings(max_examples=80, deadline=None)
def test_twilio_judges_as_we_do(fields: list[tuple[str, str]], template: str, port: str, algorithm: str) -> None:
    """`twilio.request_validator.RequestValidator` and ours, with both of its algorithms and with repeated fields."""
    official = RequestValidator(SECRET)
    form = Form()
    for name, value in fields:
        form.setdefault(name, []).append(value)
    url = URL.replace("example.com", f"example.com{port}")
    signature = template.format(s=official.compute_signature(url, form, algorithm))
    body = urlencode(fields).encode()
    headers = {
        "content-type": FORM,
        "x-twilio-signature": signature,
        "x-twilio-webhooks-signature-settings": f"key=webhooks_sharedkey_1,algorithm={algorithm}",
    }
    case = Case(body, headers, 0)
    theirs = accepted(lambda: official.validate(URL, form, signature, algorithm))
    assert case.ours(TwilioScheme((SECRET,), URL)) == theirs


@given(body=texts, extra=st.sampled_from(["", "", " "]))
@settings(max_examples=50, deadline=None)
def test_twilio_judges_a_json_body_as_we_do(body: str, extra: str) -> None:
    """Its hash is in the query, which is signed."""
    official = RequestValidator(SECRET)
    query = f"bodySHA256={official.compute_hash(body)}"
    signature = official.compute_signature(f"{URL}?{query}", {})
    request = WebhookRequest(
        (body + extra).encode(),
        [(b"content-type", b"application/json"), (b"x-twilio-signature", signature.encode())],
        query.encode(),
    )
    theirs = accepted(lambda: official.validate(f"{URL}?{query}", body + extra, signature))
    assert isinstance(TwilioScheme((SECRET,), URL).verify(request, 0), Verified) == theirs


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("t={future},v1={s}", "theirs accepts the future"),
        ("t= {now},v1={s}", "theirs takes what int() takes for a time, and writes it anew"),
        ("t={now},t=1,v1={s}", "theirs takes the first of several times"),
        ("t={now},v1={s}=x", "theirs ignores what follows a second '='"),
        ("t={now},v1=" + "0,v1=" * 16 + "{s}", "theirs looks at any number of signatures"),
    ],
)
def test_each_difference_from_stripe_is_one(header: str, why: str) -> None:
    """The list has no entry that would hide a real difference: theirs lets these in, and we do not."""
    now = int(time.time())
    moment = now + 86_400 if "{future}" in header else now
    signature = stripe_signed("{}", moment).partition("v1=")[2]
    case = Case(b"{}", {"stripe-signature": header.format(now=now, future=moment, s=signature)}, now)
    assert accepted(lambda: stripe.WebhookSignature.verify_header(b"{}", case.headers["stripe-signature"], SECRET, 300))
    assert not case.ours(StripeScheme((SECRET,)))
    assert STRIPE_REASONS[why](case)


def test_a_body_that_is_no_text_verifies_with_us_alone() -> None:
    """Their packages decode it first, and fail; a provider that signs bytes may send any."""
    body, now = b"\xff\xfe", int(time.time())
    header = f"t={now},v1={hmac.digest(SECRET.encode(), b'%d.' % now + body, 'sha256').hex()}"
    assert Case(body, {"stripe-signature": header}, now).ours(StripeScheme((SECRET,)))
    assert not accepted(lambda: stripe.WebhookSignature.verify_header(body, header, SECRET, 300))

"""The signatures that the providers' own documents and tests publish."""

import base64

import pytest

from nightshift.webhooks.ed25519 import EdKey
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Scheme
from nightshift.webhooks.schemes.github import GitHubScheme
from nightshift.webhooks.schemes.slack import SlackScheme
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.twilio import TwilioScheme
from nightshift.webhooks.verdict import Refused, Verified

STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_ID, STANDARD_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
STANDARD_BODY = b'{"test": 2432232314}'
SLACK_TIME = 1531420618
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
    b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
    b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
TWILIO_URL = "https://mycompany.com/myapp.php"
FORM = "application/x-www-form-urlencoded"


def verdict(
    scheme: Scheme, body: bytes, headers: dict[str, str], *, now: float = 0, query: bytes = b""
) -> Verified | Refused:
    """Verify a request with these headers."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return scheme.verify(WebhookRequest(body, pairs, query), now)


@pytest.mark.parametrize(
    ("signature", "good"),
    [
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", True),
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=", False),
    ],
    ids=["theirs", "the wrong one of their tests"],
)
@pytest.mark.parametrize("prefix", ["webhook", "svix"])
def test_standard_webhooks(prefix: str, signature: str, *, good: bool) -> None:
    """The example of the specification, under both names of the headers."""
    headers = {
        f"{prefix}-id": STANDARD_ID,
        f"{prefix}-timestamp": str(STANDARD_TIME),
        f"{prefix}-signature": signature,
    }
    found = verdict(StandardScheme((STANDARD,)), STANDARD_BODY, headers, now=STANDARD_TIME)
    assert found == (Verified(1, STANDARD_TIME) if good else Refused("bad-signature"))


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        ("mysecret", b'{"foo":"bar"}', "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"),
    ],
    ids=["documents", "octokit"],
)
def test_github(secret: str, body: bytes, signature: str) -> None:
    """The example of GitHub's documents, and that of octokit's tests."""
    scheme = GitHubScheme((secret,))
    assert verdict(scheme, body, {"X-Hub-Signature-256": f"sha256={signature}"}) == Verified(1)
    assert verdict(scheme, body + b" ", {"X-Hub-Signature-256": f"sha256={signature}"}) == Refused("bad-signature")


def test_slack() -> None:
    """The slash command of Slack's documents."""
    headers = {
        "X-Slack-Request-Timestamp": str(SLACK_TIME),
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    scheme = SlackScheme(("8f742231b10e8888abcd99yyyzzz85a5",))
    assert verdict(scheme, SLACK_BODY, headers, now=SLACK_TIME) == Verified(1, SLACK_TIME)


TWILIO_FORM = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"


@pytest.mark.parametrize(
    ("body", "content_type", "query", "signature"),
    [
        (TWILIO_FORM, FORM, b"foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
            FORM,
            b"foo=1&bar=2",
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (
            b'{"property": "value", "boolean": true}',
            "application/json",
            b"foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
            "a9nBmqA0ju/hNViExpshrM61xv4=",
        ),
        (TWILIO_FORM, FORM, b"foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ],
    ids=["form", "repeated fields", "JSON", "signed with the port"],
)
@pytest.mark.parametrize("url", [TWILIO_URL, "https://mycompany.com:443/myapp.php"])
def test_twilio(url: str, body: bytes, content_type: str, query: bytes, signature: str) -> None:
    """The examples of Twilio's own tests, whether or not the setting has the port."""
    headers = {"X-Twilio-Signature": signature, "Content-Type": content_type}
    assert verdict(TwilioScheme(("12345",), url), body, headers, query=query) == Verified(1)


def test_an_ed25519_key_of_the_standards_form_verifies() -> None:
    """RFC 8032's third key pair, as `whsk_` and `whpk_`: the private half signs, the public half verifies."""
    seed = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
    public = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = base64.b64encode(
        bytes.fromhex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        )
    )
    assert EdKey("whsk_" + base64.b64encode(seed).decode()).sign(b"\xaf\x82") == signature
    assert EdKey("whpk_" + base64.b64encode(public).decode()).verifies(b"\xaf\x82", signature)
    assert not EdKey("whpk_" + base64.b64encode(public).decode()).verifies(b"\xaf\x83", signature)

"""The providers' own Node packages: what they sign verifies here, what is signed here verifies there, and they agree.

Random requests are judged by both; where the verdicts differ, the reason is one of a written list.
"""

import json
import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample, Scheme
from nightshift.webhooks.schemes.github import GitHubScheme
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.stripe import StripeScheme
from nightshift.webhooks.verdict import Verified
from tests.node.installed import installed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCHEMES: Mapping[str, Scheme] = {
    "stripe": StripeScheme((SECRET,)),
    "standard": StandardScheme((SECRET,)),
    "svix": StandardScheme((SECRET,)),
    "github": GitHubScheme((SECRET,)),
}
HEADERS = {
    "stripe": ("stripe-signature",),
    "standard": ("webhook-signature", "webhook-timestamp", "webhook-id"),
    "svix": ("svix-signature", "svix-timestamp", "svix-id"),
    "github": ("x-hub-signature-256",),
}
BODIES = (
    "{}",
    '{"id":"evt_1","object":"event","type":"invoice.paid"}',
    '{"text":"Grüße aus Köln, \\u0000 🚀"}',
    '{"a":1}\n',
)
SHIFTS = (0, 0, 0, 0, -290, -310, 310, 86_400, -86_400)


@pytest.fixture(scope="module")
def node() -> Path:
    """The folder of the programs; skips, or fails in CI, where there is no Node."""
    return installed()


def asked(node: Path, cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Let Node answer all cases."""
    done = subprocess.run(
        ["node", "webhooks.mjs"],  # noqa: S607
        cwd=node,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(scheme: str, body: str, headers: Mapping[str, str], now: float) -> bool:
    """Judge a request ourselves."""
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return isinstance(SCHEMES[scheme].verify(WebhookRequest(body.encode(), pairs), now), Verified)


def test_what_node_signs_verifies(node: Path) -> None:
    """Stripe, Standard Webhooks, Svix and GitHub, with every body."""
    now = int(time.time())
    cases = [
        {"scheme": scheme, "secret": SECRET, "body": body, "at": now, "id": "msg_1"}
        for scheme in SCHEMES
        for body in BODIES
    ]
    for case, headers in zip(cases, asked(node, cases), strict=True):
        assert ours(str(case["scheme"]), str(case["body"]), headers, now), case
        assert not ours(str(case["scheme"]), f"{case['body']} ", headers, now), case


def test_what_is_signed_here_verifies_in_node(node: Path) -> None:
    """So a sample that a developer sends is what the provider would send."""
    now = time.time()
    cases = []
    for scheme in ("stripe", "standard", "github"):
        for body in BODIES:
            signed = SCHEMES[scheme].sign(Sample(body.encode()), now)
            cases.append({"scheme": scheme, "secret": SECRET, "body": body, "headers": signed.headers})
    assert all(answer["accepted"] for answer in asked(node, cases))


def damaged(choice: random.Random, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers, mostly with one small change."""
    changed = dict(headers)
    name = choice.choice(list(headers))
    value = changed[name]
    at = choice.randrange(len(value) + 1)
    match choice.randrange(8):
        case 0 | 1 | 2:
            return changed
        case 3:
            changed[name] = value[:at] + value[at + 1 :]
        case 4:
            changed[name] = value[:at] + choice.choice("0aZ,= .+-_/;") + value[at:]
        case 5:
            changed[name] = value[:at] + choice.choice("0aZ,=") + value[at + 1 :]
        case 6:
            changed[name] = choice.choice(["", "v1", "v1,", "t=1", "sha256=", value + "," + value, value + " " + value])
        case _:
            del changed[name]
    return changed


def explained(scheme: str, headers: Mapping[str, str], now: float) -> str | None:
    """Return why theirs may accept what we refuse; None when it may not."""
    signature, *rest = (headers.get(name, "") for name in HEADERS[scheme])
    if scheme == "stripe":
        times = [item[2:] for item in signature.split(",") if item.startswith("t=")]
        if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > 12:
            return "theirs reads a time as parseInt does, and takes the last of several"
        if int(times[0]) > now + 299:
            return "theirs accepts the future"
        if signature.count("=") > signature.count(",") + 1:
            return "theirs ignores what follows a second '='"
    if scheme in {"standard", "svix"}:
        if not rest[0].isdecimal():
            return "theirs reads a time as parseInt does"
        if any(word.count(",") > 1 for word in signature.split(" ")):
            return "theirs ignores what follows a second comma"
    return None


def test_random_requests_are_judged_alike(node: Path) -> None:
    """Four hundred of them, in a row that a seed names."""
    choice, now = random.Random(17), int(time.time())  # noqa: S311 - the same cases each time
    signing: list[dict[str, Any]] = [
        {
            "scheme": choice.choice(list(SCHEMES)),
            "secret": SECRET,
            "body": choice.choice(BODIES),
            "at": now + choice.choice(SHIFTS),
            "id": "msg_1",
        }
        for _ in range(400)
    ]
    cases = [
        {**case, "headers": damaged(choice, headers), "body": f"{case['body']}{choice.choice(['', '', '', ' '])}"}
        for case, headers in zip(signing, asked(node, signing), strict=True)
    ]
    accepted = 0
    for case, answer in zip(cases, asked(node, cases), strict=True):
        scheme, headers = str(case["scheme"]), case["headers"]
        mine = ours(scheme, str(case["body"]), headers, now)
        accepted += mine
        if mine != answer["accepted"]:
            assert answer["accepted"], f"refused by theirs alone: {case}"
            assert explained(scheme, headers, now), f"accepted by theirs alone: {case}"
    assert 50 < accepted < 350, "the requests are neither all good nor all bad"

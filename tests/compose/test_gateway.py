"""The gateway of the compose stack, from the host: what the first page of its documentation does, as it stands."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.api_keys import making
from tests.compose.conftest import Eventually
from tests.compose.project import Project


@pytest.fixture(scope="module")
def key(stack: Project) -> str:
    """A key that may do everything, made by the operator: the gateway's own role could not."""
    made = stack.compose("run", "--rm", "-T", "--no-deps", "operator", *making("tests"))
    return str(json.loads(made)["key"])


def ask(stack: Project, key: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """One request, as curl sends it; the status and what was answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://127.0.0.1:{stack.gateway_port}{path}"
    request = urllib.request.Request(url, data=body or None, method=method, headers=named)
    request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:  # noqa: S310 - on loopback
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read() or b"null")


def test_a_job_by_post_becomes_a_mail(stack: Project, key: str, eventually: Eventually) -> None:
    """Accepted with 202, done once however often it is sent, and its state can be asked for."""
    mail = json.dumps({"to": "http@example.com", "subject": "By HTTP", "body": "<p>Hello</p>"}).encode()
    for _ in range(3):
        status, answer = ask(
            stack, key, "POST", "/v1/jobs/email.send", mail, Content_Type="application/json", Idempotency_Key="once"
        )
        assert (status, answer["job"]["id"]) == (202, "once")

    def state() -> str:
        return str(ask(stack, key, "GET", "/v1/jobs/email.send/once")[1]["state"])

    eventually(lambda: state() == "done", "the job is done")
    assert len(stack.mails("http@example.com")) == 1


def test_what_the_setting_does_not_name_cannot_be_enqueued(stack: Project, key: str) -> None:
    """`GATEWAY_JOBS` of the tests' stack names one type: others do not exist here, whatever the key may do."""
    body = b'{"userId": "user-17", "service": "feed"}'
    status, answer = ask(stack, key, "POST", "/v1/jobs/sync.external", body, Content_Type="application/json")
    assert (status, answer["code"]) == (404, "unknown-job-type")


def test_without_a_key_nothing_is_answered(stack: Project) -> None:
    """Neither what exists nor what does not."""
    assert {ask(stack, "", "GET", path)[0] for path in ("/v1/files/x", "/v1/jobs/email.send/x")} == {401}


def test_health_and_metrics_are_not_on_the_public_port(stack: Project, key: str) -> None:
    """They are on the container's own port, which is not published."""
    assert {ask(stack, key, "GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")} == {404}
    (container,) = stack.inspect(*stack.containers("gateway"))
    assert set(container["HostConfig"]["PortBindings"]) == {"8000/tcp"}

"""What goes wrong on a running stack is noticed by Prometheus, and somebody is told by Alertmanager.

The rules are those of `deploy/prometheus`, with a second in the place of each minute.
"""

import json
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import ROOT, Project
from tests.servers import absent

FOLDER = ROOT / "deploy" / "prometheus"
_QUICKER = (
    (r"\b(\d+)m\b", r"\1s"),
    (r"\b1h\b", "30s"),
    (r"> 600$", "> 10"),
    (r"(scrape_interval|evaluation_interval): 15s", r"\1: 1s"),
    (r"scrape_timeout: 5s", "scrape_timeout: 1s"),
    (r"group_wait: 30s", "group_wait: 0s"),
)

Firing = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def firing(stack: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firing]:
    """Which series of an alert fire; Prometheus and Alertmanager run with the quick rules."""
    if any(shutil.which(name) is None for name in ("prometheus", "prometheus-alertmanager")):
        absent("prometheus is missing: apt-get install prometheus prometheus-alertmanager")
    quick = tmp_path_factory.mktemp("prometheus")
    for name in ("alerts.yml", "prometheus.yml", "alertmanager.yml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        for pattern, replacement in _QUICKER:
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        (quick / name).write_text(text, encoding="utf-8")
    for folder in (quick, *quick.parents[:2]):
        folder.chmod(0o755)
    extra = {"PROMETHEUS_FOLDER": str(quick)}
    stack.compose("up", "-d", "--wait", "--no-recreate", "exporter", "prometheus", "alertmanager", extra=extra)

    def look(name: str) -> set[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{stack.prometheus_port}/api/v1/alerts", timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        mine = [one for one in alerts if one["labels"]["alertname"] == name and one["state"] == "firing"]
        return {one["annotations"]["summary"] for one in mine}

    yield look
    stack.compose("rm", "--stop", "--force", "exporter", "prometheus", "alertmanager")


@contextmanager
def without(stack: Project, *services: str) -> Iterator[None]:
    """Services are stopped meanwhile."""
    stack.compose("stop", "--timeout", "5", *services)
    try:
        yield
    finally:
        stack.up("--no-recreate")


def operate(stack: Project, *arguments: str) -> None:
    """A command of the operator's."""
    stack.compose("run", "--rm", "-T", "operator", *arguments)


def test_a_provider_that_is_down_is_noticed(stack: Project, firing: Firing, eventually: Eventually) -> None:
    """Jobs wait by themselves and cost no attempt, so that nothing else says so; it is over when mails are sent."""
    with without(stack, "maildev"):
        work.publish(stack, "email.send", [work.mail("a@example.com")] * 10)
        (told,) = eventually(lambda: firing("JobsArePutOff"), "an alert")
    assert told.startswith("no email.send is done")
    eventually(lambda: not firing("JobsArePutOff"), "its end", timeout_seconds=120)


def test_a_dead_letter_is_told_to_somebody_and_not_for_ever(
    stack: Project, firing: Firing, eventually: Eventually
) -> None:
    """A mail with the command to begin with; an hour later it is over, though the dead letter is still there."""
    with stack.cli("producer") as cli:
        cli.pub("jobs.report.generate", b"no JSON")

    def told() -> list[str]:
        mails = stack.mails("oncall@example.com")
        return [mail["text"] for mail in mails if "DeadLetters" in mail["subject"] and "firing" in mail["subject"]]

    (text, *_) = eventually(told, "a mail")
    assert "nightshift dlq list --service report" in text
    eventually(lambda: not firing("DeadLetters"), "its end", timeout_seconds=120)
    assert work.messages(stack, "REPORT_DLQ") > 0


def test_a_queue_that_somebody_paused_is_noticed(stack: Project, firing: Firing, eventually: Eventually) -> None:
    """By the age of its oldest job, and by what has come due; workers are there all the while."""
    operate(stack, "queues", "pause", "maintenance")
    try:
        operate(stack, "send", "maintenance.sessions", "{}")
        operate(stack, "send", "maintenance.sessions", "{}", "--delay", "1s")
        eventually(lambda: firing("BacklogIsOld"), "an alert for what waits")
        eventually(lambda: firing("DueJobsWait"), "an alert for what came due")
    finally:
        operate(stack, "queues", "resume", "maintenance")
    eventually(lambda: not firing("BacklogIsOld") | firing("DueJobsWait"), "their end", timeout_seconds=120)


def test_work_that_nobody_is_there_for_is_noticed(stack: Project, firing: Firing, eventually: Eventually) -> None:
    """A service without a process, the schedules without a scheduler, producers without a gateway."""
    with without(stack, "sync", "scheduler", "gateway"):
        work.publish(stack, "sync.external", [{"userId": "nobody", "service": "feed"}])
        for name in ("NoWorker", "NoScheduler", "NoGateway"):
            eventually(lambda name=name: firing(name), name)


@pytest.mark.parametrize(("service", "alert"), [("postgres", "ComponentIsAway"), ("nats", "BrokerIsAway")])
def test_a_component_that_is_away_is_noticed(
    stack: Project, firing: Firing, eventually: Eventually, service: str, alert: str
) -> None:
    """Also where nothing but the alert could tell."""
    with without(stack, service):
        if service != "nats":
            work.publish(stack, "email.send", [work.mail("b@example.com")])
        eventually(lambda: firing(alert), alert)
    eventually(lambda: not firing(alert), "its end")

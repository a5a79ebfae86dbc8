"""What the alerts and dashboards name is really served, and what an alert tells the person on call can be done."""

import asyncio
import re
import shlex
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from contracts.email import SendEmail
from contracts.maintenance import CleanSessions
from contracts.webhook import WebhookReceived
from demo.sources import write_sources
from nightshift.cli.command_line import parser
from nightshift.config.project import Project
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.instants import utc_now
from tests.harness import eventually
from tests.integration.cli.expressions import ALERTS, OF_PROMETHEUS, Expression, Picked, expressions, read
from tests.integration.cli.harness import Operator
from tests.repository import ROOT
from tests.servers import serving

NOBODY = "http://127.0.0.1:9"
OFTEN = '[[schedules]]\nname = "sync.often"\nschedule = "* * * * * *"\n'
MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
EVENT = WebhookReceived(source="github", event_id="1", event_type="push.odd", received_at=utc_now(), body="{}")
EXPRESSIONS = expressions()

Series = dict[str, list[dict[str, str]]]
"""Name of a sample -> the labels of each."""


async def scraped(url: str) -> list[Metric]:
    """One scrape, as Prometheus does it."""

    def read() -> str:
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - on loopback
            return str(answer.read().decode())

    return list(text_string_to_metric_families(await asyncio.to_thread(read)))


async def series(*urls: str) -> Series:
    """What several processes serve together."""
    found: Series = {"up": [{}]}  # Prometheus' own
    for url in urls:
        for family in await scraped(url):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


async def happened(service: Service) -> list[str]:
    """How jobs of a service ended; an outcome that did not occur yet is served as 0."""
    families = {family.name: family.samples for family in await scraped(service.health_url)}
    return [sample.labels["outcome"] for sample in families.get("nightshift_jobs", []) if sample.value]


@pytest.fixture(scope="module")
async def exporter(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The exporter as a process beside the broker; its address."""
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "deploy.exporter", stack.broker.monitoring_url, "--port", str(port)]
    process = Process("exporter", command, log=tmp_path_factory.mktemp("exporter") / "log", cwd=ROOT)

    async def answers() -> bool:
        return bool(await scraped(url))

    await process.ready(answers)
    yield url
    await process.stop()


@pytest.fixture(scope="module")
def schedules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A timetable with an event each second."""
    file = tmp_path_factory.mktemp("schedules") / "schedules.toml"
    file.write_text(OFTEN, encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
async def workers(shared_operator: Operator, schedules: str) -> AsyncIterator[list[Service]]:
    """A worker whose provider is away, two without work, a gateway with sources, and a scheduler that is kept busy."""
    write_sources(shared_operator.stack.folder)
    away = {"MAIL_TRANSPORT": "resend", "RESEND_API_KEY": "re_made_up", "RESEND_URL": NOBODY}
    started = [
        Service(shared_operator.stack, "email", extra=away),
        Service(shared_operator.stack, "maintenance"),
        Service(shared_operator.stack, "gateway"),
        Service(shared_operator.stack, "webhook"),
        Service(shared_operator.stack, "scheduler", extra={"SCHEDULES_FILE": schedules}),
    ]
    async with serving(*started):
        yield started


@pytest.fixture(scope="module")
async def served(shared_operator: Operator, workers: list[Service], exporter: str) -> Series:
    """What all of them serve after a job of each kind (waiting, done, put off, tried again, dead) and two events."""
    await shared_operator.publisher.publish_body("upload.process", b"{}")
    await shared_operator.publisher.publish(CleanSessions())
    await shared_operator.publisher.publish(MAIL)
    await shared_operator.publisher.publish_body("email.send", b"{}")
    await shared_operator.publisher.publish_body("email.wave", b"{}")
    await shared_operator.publisher.publish(EVENT)

    async def settled() -> Series | None:
        found = await series(*(service.health_url for service in workers), exporter)
        outcomes = {name for service in workers for name in await happened(service)}
        events = {labels["outcome"] for labels in found.get("nightshift_webhook_events_total", [])}
        announced = {"stream": "CRON"} in found.get("nightshift_stream_oldest_timestamp_seconds", [])
        ended = {"done", "snooze", "retry", "dead"} <= outcomes and "skipped" in events
        return found if ended and announced else None

    found: Series = await eventually(settled, what="each kind of end and an event are served")
    return found


@pytest.mark.parametrize("name", EXPRESSIONS)
async def test_what_an_alert_or_a_panel_names_is_served(served: Series, name: str) -> None:
    """Its metrics, the labels that it picks, groups by and shows, and a series for what it is looking for."""
    assert wrong(EXPRESSIONS[name], served) == []


def wrong(expression: Expression, served: Series) -> list[str]:
    """Says what an expression names that nobody serves."""
    labels = set(OF_PROMETHEUS) | expression.made
    for picked in expression.picked:
        labels |= {label for one in served.get(picked.metric, []) for label in one}
    unknown = [f"label {label}" for label in sorted(expression.grouped - labels)]
    return unknown + [f"{one.metric} {one.matchers}" for one in expression.picked if not _matches(one, served)]


def _matches(picked: Picked, served: Series) -> bool:
    wanted = [matcher for matcher in picked.matchers if matcher[0] not in OF_PROMETHEUS]
    return any(
        all(_fits(labels.get(label), *rest) for label, *rest in wanted) for labels in served.get(picked.metric, [])
    )


def _fits(value: str | None, operator: str, wanted: str) -> bool:
    if value is None:
        return False
    equal = value == wanted if operator in ("=", "!=") else re.fullmatch(wanted, value) is not None
    return equal == (not operator.startswith("!"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nightshift_no_such > 0", 1),
        ("sum by (color) (nightshift_stream_bytes)", 1),
        ('nightshift_pull_state{state="asleep"}', 1),
        ('nightshift_stream_bytes{queue="EMAIL"}', 1),
        ('nightshift_stream_bytes{stream!~".+"}', 1),
        ('nightshift_pull_state{stream=~"EMAIL.*",state!="paused"}', 0),
    ],
)
async def test_a_name_that_is_not_served_is_noticed(served: Series, text: str, expected: int) -> None:
    """The check itself: a wrong metric, label or value."""
    assert len(wrong(read(text), served)) == expected


def _commands() -> Iterator[tuple[str, str]]:
    for name, rule in ALERTS.items():
        for command in re.findall(r"`(nightshift .*?)`", rule["annotations"]["runbook"]):
            yield name, command


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_begins_with_a_command(name: str) -> None:
    """Whoever is woken by it need not think of one."""
    assert name in dict(_commands())


@pytest.mark.parametrize(("name", "command"), [*_commands()])
def test_the_command_of_an_alert_parses(name: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands, with a word in the place of each label; and it explains itself."""
    program, *arguments = shlex.split(re.sub(r"\{\{.*?\}\}", "email", command))
    assert (program, name in ALERTS) == ("nightshift", True)
    commands = parser(Project(ROOT))  # with those of the services
    commands.parse_args(arguments)
    with pytest.raises(SystemExit) as ended:
        commands.parse_args([*arguments, "--help"])
    assert ended.value.code == 0
    assert "example:" in capsys.readouterr().out


@pytest.mark.parametrize("name", ALERTS)
def test_the_section_that_an_alert_points_to_exists(name: str) -> None:
    """Of a page of this repository, as GitHub names its headings."""
    page, _, anchor = ALERTS[name]["annotations"]["page"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

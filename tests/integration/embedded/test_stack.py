"""The stack of one folder: side by side with others, on loopback only, and everything stopped at the end."""

import asyncio
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from nightshift.config.project import Project
from nightshift.embedded import services
from nightshift.embedded.processes.folder_lock import FolderTakenError
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.stack import Stack

SETTINGS = {
    "CONTRACTS_PACKAGE",
    "NATS_URL",
    "DATABASE_URL",
    "S3_ENDPOINT",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "S3_BUCKET",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_TLS",
    "MAIL_FROM",
    "ACCOUNT_KEYS",
    "GATEWAY_JOBS",
    "GATEWAY_PORT",
    "MAIL_WAIT_SECONDS",
    "ADMIN_EMAIL",
    "CONSOLE_PORT",
    "CONSOLE_LINK_FILE",
    "CONSOLE_MAIL_FOLDER",
}


@pytest.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stack, Stack]]:
    """Two stacks started at the same moment, in folders whose names hold what breaks careless programs."""
    names = "stack a", """Stäck "b" 'c' $HOME 100% \\ #d"""
    stacks = Stack(tmp_path_factory.mktemp("x") / names[0]), Stack(tmp_path_factory.mktemp("x") / names[1])
    try:
        await asyncio.gather(*(stack.start() for stack in stacks))
        yield stacks
    finally:
        await asyncio.gather(*(stack.kill() for stack in stacks))


def _listening(pid: int) -> list[str]:
    """The addresses, in the kernel's notation, on which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    rows = [
        line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def _sockets(stack: Stack) -> list[Path]:
    """What weed puts into /tmp and would leave there."""
    ports = stack.objects._ports
    return [file for port in ports for file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]  # noqa: S108 - weed's choice


def test_two_stacks_run_side_by_side(pair: tuple[Stack, Stack]) -> None:
    """Stacks that start at the same moment share no address, no key and no file."""
    one, other = (stack.environment() for stack in pair)
    assert set(one) == SETTINGS
    same = {name for name in one if one[name] == other[name]}
    assert same == {
        "CONTRACTS_PACKAGE",
        "S3_BUCKET",
        "SMTP_HOST",
        "SMTP_TLS",
        "MAIL_FROM",
        "GATEWAY_JOBS",
        "MAIL_WAIT_SECONDS",
        "ADMIN_EMAIL",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's list of sockets")
def test_nothing_listens_off_loopback(pair: tuple[Stack, Stack]) -> None:
    """No program of the stack can be reached from another machine."""
    loopback = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}"
    for server in pair[0].servers:
        addresses = _listening(server.process.pid)
        assert f"{loopback}:{server.port:04X}" in addresses
        assert {address.partition(":")[0] for address in addresses} == {loopback}


@pytest.mark.parametrize("which", [0, 1])
async def test_the_database_address_works_with_any_folder_name(pair: tuple[Stack, Stack], which: int) -> None:
    """The SQLite address is understood as it stands, and means the file in the stack's folder."""
    engine = create_async_engine(pair[which].environment()["DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (a)"))
    await engine.dispose()
    assert " " in str(pair[which].folder)
    assert pair[which].database.stat().st_size > 0


async def test_a_folder_name_that_no_database_address_can_hold_is_refused(tmp_path: Path) -> None:
    """A question mark would silently make another database file: better an error before anything starts."""
    stack = Stack(tmp_path / "really?")
    with pytest.raises(StartFailedError, match=r"has a \? in its name"):
        await stack.start()
    assert not stack.folder.exists()


async def test_a_folder_takes_one_stack(pair: tuple[Stack, Stack]) -> None:
    """A second stack in a folder in use is refused before it touches anything."""
    with pytest.raises(FolderTakenError, match=str(os.getpid())):
        await Stack(pair[0].folder).start()
    assert all(server.running for server in pair[0].servers)


async def test_a_module_runs_with_the_stacks_settings(pair: tuple[Stack, Stack]) -> None:
    """`run` returns what was printed, from the repository root, with the stack's settings."""
    printed = await pair[0].run("platform")
    assert printed.strip()
    with pytest.raises(StartFailedError, match=r"(?s)no\.such\.module ended with exit code 1.*No module named"):
        await pair[0].run("no.such.module")


async def test_a_service_whose_health_port_somebody_takes_meanwhile_chooses_another(
    pair: tuple[Stack, Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the choice and its start nothing reserves a port."""
    stack = pair[0]
    await stack.provision()
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        chosen = iter([[other.getsockname()[1]], free_ports(1)])
        monkeypatch.setattr(services, "free_ports", lambda _count: next(chosen))
        service = services.Service(stack, "scheduler")
        await service.start()
        try:
            await service.ready()
            assert await service.is_ready()
        finally:
            await service.kill()
    assert next(chosen, None) is None


async def test_a_later_stack_goes_on_with_keys_and_addresses(tmp_path: Path) -> None:
    """What was noted yesterday is valid in the next stack of the folder, and a stop leaves nothing running."""
    environments = []
    for _ in range(2):
        stack = Stack(tmp_path / "kept")
        await stack.start()
        environments.append(stack.environment())
        assert _sockets(stack)
        await stack.stop()
        assert not _sockets(stack)
        assert not any(server.running for server in stack.servers)
    assert environments[0] == environments[1]


async def test_one_server_that_cannot_start_stops_the_others(tmp_path: Path) -> None:
    """A stack starts whole or not at all, and the error is the server's own."""
    stack = Stack(tmp_path / "stack", broker_config="no_such_option: 1")
    with pytest.raises(StartFailedError, match="no_such_option"):
        await stack.start()
    assert not any(server.running for server in stack.servers)


def test_fresh_folders_never_meet(tmp_path: Path) -> None:
    """Two that start in the same second get two folders."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    folders = [Stack.fresh("demo", now, Project(tmp_path)).folder for _ in range(2)]
    assert folders == [tmp_path / "var" / "demo-20260102-030405", tmp_path / "var" / "demo-20260102-030405-2"]


async def test_nobody_else_on_the_machine_reads_its_state(tmp_path: Path) -> None:
    """Jobs, mails, files, database and keys lie in a folder that only its owner enters."""
    stack = Stack(tmp_path / "stack")
    stack.lock_folder()
    try:
        assert stat.S_IMODE(stack.folder.stat().st_mode) == 0o700
    finally:
        await stack.kill()

"""A worker as it is run: a process that is told to stop, or that dies."""

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from nightshift.broker.jetstream import store
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.version import VERSION
from tests.harness import RunProbe, count, eventually, set_ack_wait
from tests.integration.worker.conftest import Work
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")


AWAY = {"S3_ENDPOINT": "http://127.0.0.1:9", "S3_ACCESS_KEY": "nobody", "S3_SECRET_KEY": "nothing"}
"""An object store that does not answer."""


def _start(
    broker: Broker,
    folder: Path,
    *,
    name: str = "probe",
    version: str = "",
    grace_seconds: float = 20,
    objects: Mapping[str, str] = MappingProxyType(AWAY),
) -> Process:
    settings = {
        "NATS_URL": broker.url,
        "DATABASE_URL": f"sqlite:///{folder / 'nightshift.db'}",
        **objects,
        "DRAIN_GRACE_SECONDS": str(grace_seconds),
        "LOG_FORMAT": "json",
        "APP_VERSION": version,
    }
    command = [sys.executable, "-m", "tests.integration.worker.probe_service"]
    log = folder / f"{name}.log"
    return Process(name, command, log=log, cwd=ROOT, environment=clean_environment() | settings)


async def _began(process: Process, job: str) -> None:
    await eventually(lambda: f"began {job}" in process.output(), what=process.output())


async def test_on_sigterm_a_process_finishes_what_it_holds_and_exits_with_0(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """The job in hand is done, the one published afterwards stays for the next process."""
    async with work({}, start=False) as harness:
        process = _start(broker, tmp_path)
        try:
            await harness.publisher.publish(RunProbe(name="a", number=7))
            await _began(process, "a")
            process.signal(signal.SIGTERM)
            await eventually(lambda: '"draining"' in process.output())
            await harness.publisher.publish(RunProbe(name="b"))
            assert await process.wait(timeout_seconds=20) == 0
        finally:
            await process.kill()
        assert await harness.effects() == ["a 1"]
        assert await count(harness.connection, "PROBE") == 1
        assert "Traceback" not in process.output()


async def test_what_a_stopped_process_hands_back_is_done_by_another_at_once(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """When the grace period is over it exits with 0 all the same, and the job has lost no attempt."""
    async with work({}, start=False) as harness:
        first = _start(broker, tmp_path, grace_seconds=0.1)
        try:
            await harness.publisher.publish(RunProbe(name="a", number=600), job_id="a")
            await _began(first, "a")
            first.signal(signal.SIGTERM)
            assert await first.wait(timeout_seconds=20) == 0
        finally:
            await first.kill()
        assert await count(harness.connection, "PROBE") == 0
        assert await count(harness.connection, "PROBE_LATER") == 1
        second = _start(broker, tmp_path, name="second", grace_seconds=0.1)
        try:
            await _began(second, "a")
        finally:
            await second.stop()
        assert '"attempt":1' in second.output()
        assert "Traceback" not in first.output() + second.output()


async def test_a_process_whose_handler_swallows_every_cancellation_ends_all_the_same(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """The broker delivers that job again; a supervisor need not kill the process."""
    async with work({}, start=False) as harness:
        process = _start(broker, tmp_path, grace_seconds=0)
        try:
            await harness.publisher.publish(RunProbe(name="stubborn", number=-1))
            await _began(process, "stubborn")
            process.signal(signal.SIGTERM)
            assert await process.wait(timeout_seconds=30) == 0
        finally:
            await process.kill()
        assert await harness.effects() == []
        assert await count(harness.connection, "PROBE") == 1


async def test_a_process_tells_for_how_long_a_handler_has_held_up_its_event_loop(
    work: Work, broker: Broker, tmp_path: Path
) -> None:
    """As soon as it can answer again, and for a while; what waits without blocking is none."""
    async with work({}, start=False) as harness:
        process = _start(broker, tmp_path)

        async def lags() -> list[float | None]:
            found = await running_workers(harness.connection)
            return [one.loop_lag_seconds for one in found if one.finished]

        try:
            await harness.publisher.publish(RunProbe(name="waits", number=15))
            await eventually(lags, what=process.output())
            (before,) = await lags()
            await harness.publisher.publish(RunProbe(name="blocks", number=15))
            await _began(process, "blocks")
            await eventually(lambda: _is_long(lags), what=process.output())
        finally:
            await process.stop()
        assert before is not None
        assert before < 1.0


async def test_a_process_tells_the_version_of_the_application(work: Work, broker: Broker, tmp_path: Path) -> None:
    """As its image has set it; else that of Nightshift stands for it."""
    async with work({}, start=False) as harness:
        first, second = _start(broker, tmp_path, version="4.2"), _start(broker, tmp_path, name="second")

        async def releases() -> list[str]:
            return sorted(one.release for one in await running_workers(harness.connection) if one.service == "probe")

        async def are_told() -> bool:
            return await releases() == sorted(["4.2", VERSION])

        try:
            await eventually(are_told, what="both versions are told")
        finally:
            await first.stop()
            await second.stop()


async def _is_long(lags: Callable[[], Awaitable[list[float | None]]]) -> bool:
    return any(lag is not None and lag > 1.0 for lag in await lags())


async def test_a_job_whose_process_dies_is_done_by_another(work: Work, broker: Broker, tmp_path: Path) -> None:
    """The broker notices within the ack wait that nobody works on it any more; no attempt is counted."""
    async with work({}, start=False) as harness:
        await set_ack_wait(harness.connection, 1)
        first = _start(broker, tmp_path)
        try:
            await harness.publisher.publish(RunProbe(name="a", number=5))
            await _began(first, "a")
        finally:
            await first.kill()
        second = _start(broker, tmp_path, name="second")
        try:
            await eventually(harness.effects)
            await harness.empty()
        finally:
            await second.stop()
        assert await harness.effects() == ["a 1"]
        assert len(await harness.inbox()) == 1


async def test_a_service_without_objects_needs_no_object_store(work: Work, broker: Broker, tmp_path: Path) -> None:
    """It does its jobs; one whose body is an object is a dead letter at once, which says what is not set."""
    claim = {"Job-Id": "long", "Job-Claim": f"claims/2100-01-01/{'0' * 64}"}
    async with work({}, start=False) as harness:
        process = _start(broker, tmp_path, objects={})
        try:
            await store(harness.connection, "jobs.probe.run", claim, b"")
            (letter,) = await harness.dead_letters()
            await harness.publisher.publish(RunProbe(name="a"))
            await eventually(harness.effects, what=process.output())
        finally:
            await process.stop()
        assert letter.headers["Dead-Reason"] == "invalid"
        assert "there is no object store: S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY" in letter.headers["Dead-Error"]
        assert "Traceback" not in process.output()

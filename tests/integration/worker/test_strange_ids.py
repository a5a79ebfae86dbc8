"""A job id that some store would refuse is made storable before the handler sees it, and does its work once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from nightshift.broker.jetstream import store
from nightshift.contract.wire import safe_token
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Snooze
from schema.tables import email_deliveries
from tests.harness import RunProbe
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import GOOD

STRANGE = {"not UTF-8": "caf\udce9", "a NUL": "a\x00b", "a tab": "a\tb", "too long for an index": "x" * 2_700}
_DELIVERY = insert(email_deliveries)


def _row(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "recipients": ["ada@example.com"],
        "subject": "Hi",
        "transport": "smtp",
        "message_id": f"<{job.key}@example.com>",
        "sent_at": datetime.now(UTC),
    }


@pytest.mark.parametrize("job_id", STRANGE.values(), ids=list(STRANGE))
async def test_the_work_is_done_once_and_its_row_written(work: Work, job_id: str) -> None:
    """What was done outside is not done again because the id fits into no table."""
    seen: list[str] = []

    async def send(_: RunProbe, job: Job) -> None:
        seen.append(job.id)
        job.write(_DELIVERY, _row(job))

    async with work({RunProbe: send}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": job_id}, GOOD)
        await store(harness.connection, "jobs.probe.run", {"Job-Id": job_id}, GOOD)
        await harness.empty()
        assert seen == [safe_token(job_id)]
        assert harness.outcomes() == {"done": 1, "duplicate": 1}


@pytest.mark.parametrize("job_id", ["a/b/../c", ">", "*.*", "a b", "\N{GRINNING FACE}", "$JS.API", "é" * 40])
async def test_what_means_something_on_the_wire_is_an_id_like_any_other(work: Work, job_id: str) -> None:
    """Done once, under its own name, also when it had to wait on a subject of its own."""
    seen: list[str] = []

    async def wait_once(_: RunProbe, job: Job) -> None:
        seen.append(job.id)
        if len(seen) == 1:
            raise Snooze(timedelta(0))
        job.write(_DELIVERY, _row(job))

    async with work({RunProbe: wait_once}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": job_id}, GOOD)
        await harness.empty()
        assert seen == [job_id, job_id]
        assert harness.outcomes() == {"snooze": 1, "done": 1}


async def test_its_dead_letter_has_the_id_as_it_was_published(work: Work) -> None:
    """Whoever looks for the job, or sends it again, knows it by that."""

    async def refuse(_: RunProbe, _job: Job) -> None:
        raise Permanent("no")

    async with work({RunProbe: refuse}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "caf\udce9"}, GOOD)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Job-Id"] == "caf\udce9"

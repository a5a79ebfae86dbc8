"""A job's life on the real broker: done once, and every outcome a handler may choose."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select

from contracts import wire
from embedded.broker import Broker
from embedded.objects import Objects
from shared.job import Job
from shared.outcomes import Permanent, Skip, Snooze
from tests.harness import FollowProbe, Harness, RunProbe, eventually, working

EFFECTS = Table(
    "users", MetaData(), Column("id", Text), Column("email", Text), Column("name", Text), Column("n", Integer)
)
_INSERT = insert(EFFECTS)


async def _effects(harness: Harness) -> list[str]:
    async with harness.database.read() as connection:
        return [row[0] for row in await connection.execute(select(EFFECTS.c.name))]


async def test_a_job_typed_by_hand_is_run_once_and_leaves_its_queue(
    broker: Broker, objects_server: Objects, tmp_path: Path
) -> None:
    """A bare JSON body on jobs.<type>, with no header at all, is a complete job."""
    ran: list[RunProbe] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        ran.append(message)

    async with working(broker, objects_server, tmp_path, {RunProbe: run_probe}) as harness:
        await harness.raw("jobs.probe.run", b'{"name":"typed"}')
        await harness.empty()
        assert ran == [RunProbe(name="typed")]

"""The console before three brokers, of which one does not answer."""

from pathlib import Path

import pytest

from nightshift.console.figures.presence import Presence
from nightshift.console.figures.reading import read_sample
from nightshift.console.figures.retries import Retries
from nightshift.outcomes import Unavailable
from tests.chaos.cluster import provisioned
from tests.harness import probe_topology


async def test_a_stream_of_which_nothing_is_said_is_not_taken_for_missing(tmp_path: Path) -> None:
    """Its leader is frozen: the look fails, so that the last figures stay, and nobody is told to make the stream."""
    declared = probe_topology()
    async with provisioned(tmp_path, declared) as (cluster, connection):
        presence, retries = Presence(connection), Retries(connection)
        async with cluster.frozen_leader(connection, "STREAM", "PROBE"):
            with pytest.raises(Unavailable, match=r"the one that leads .*\bPROBE\b.* does not answer"):
                await read_sample(connection, declared, presence, retries, None)

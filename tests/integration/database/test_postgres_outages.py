"""A PostgreSQL server that is down, silent, restarting or full of connections makes the database unavailable."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from nightshift.database import Database, PoolLimits, migrate, open_database
from nightshift.database.postgres import try_to_write
from nightshift.embedded.processes.ports import free_ports
from nightshift.outcomes import Unavailable
from tests.integration.database.silence import silence_before

PASSWORD = "very-secret"
QUICK = PoolLimits(connect_seconds=0.5, pool_seconds=0.5, statement_seconds=0.5, answer_seconds=0.5)


@pytest.fixture(scope="module", autouse=True)
async def _tables(postgres_url: str) -> None:
    """The library's tables: without them a probe fails."""
    await migrate(postgres_url, "none")


@pytest.fixture
async def quick(postgres_url: str) -> AsyncIterator[Database]:
    """A database whose patience ends after half a second."""
    database = open_database(postgres_url, connections=1, limits=QUICK)
    yield database
    await database.close()


async def _backend(database: Database) -> int:
    async with database.write() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def _end(postgres_url: str, backend: int) -> None:
    """Ends a connection from the server's side, as its restart does."""
    other = open_database(postgres_url)
    async with other.write() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
    await other.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_a_server_that_is_not_there_shows_in_seconds(host: str) -> None:
    """A refused connection or an unknown name is an outage that says where, and never the password."""
    (port,) = free_ports(1)
    database = open_database(f"postgresql://app:{PASSWORD}@{host}:{port}/shop?application_name={PASSWORD}")
    began = time.monotonic()

    for block in (database.read, database.write):
        with pytest.raises(Unavailable, match=f"PostgreSQL at {host}:{port}/shop: ") as caught:
            async with block():
                pass
        assert PASSWORD not in str(caught.value)

    assert time.monotonic() - began < 10
    await database.close()


async def test_a_server_that_takes_connections_and_says_nothing_shows_in_seconds() -> None:
    """The time for connecting is bounded."""
    silent = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = open_database(f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/shop", limits=QUICK)

    with pytest.raises(Unavailable, match="no answer in time"):
        await database.probe()

    silent.set()
    server.close()
    await database.close()


async def test_a_password_that_no_longer_works_is_an_outage(postgres_url: str) -> None:
    """It was changed at the server: the jobs must wait, not fail; the text says which login is refused."""
    wrong = make_url(postgres_url).set(username="nobody", password=PASSWORD)
    database = open_database(wrong.render_as_string(hide_password=False))

    with pytest.raises(Unavailable, match="nobody") as caught:
        await database.probe()

    assert PASSWORD not in str(caught.value)
    await database.close()


async def test_a_server_that_has_restarted_is_not_noticed(quick: Database, postgres_url: str) -> None:
    """A kept connection that the server has closed is replaced before anybody gets it."""
    async with quick.write() as connection:
        kept = (await connection.get_raw_connection()).driver_connection
        before = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    await _end(postgres_url, before)
    async with asyncio.timeout(5):
        while kept is not None and not kept.is_closed():  # noqa: ASYNC110 - the driver gives no signal
            await asyncio.sleep(0.01)

    assert await _backend(quick) != before


async def test_a_connection_lost_in_a_transaction_is_an_outage(quick: Database, postgres_url: str) -> None:
    """What was not committed is undone and the job waits; the next one gets a new connection."""

    async def lose() -> None:
        async with quick.write() as connection:
            backend = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await _end(postgres_url, int(backend))
            await connection.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match="PostgreSQL at"):
        await lose()

    await quick.probe()


async def test_a_statement_that_takes_too_long_is_its_own_error(quick: Database) -> None:
    """The server answers and gives the statement up: waiting would not make it faster."""
    with pytest.raises(DBAPIError, match="statement timeout"):
        async with quick.write() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))


async def test_a_server_that_falls_silent_in_a_statement_shows_in_seconds(postgres_url: str) -> None:
    """No answer, not even that the statement took too long: the server counts as away, and is found again later."""
    address = make_url(postgres_url)
    async with silence_before(address.host or "", address.port or 5432) as between:
        url = address.set(host="127.0.0.1", port=between.port).render_as_string(hide_password=False)
        database = open_database(url, connections=1, limits=QUICK)
        await database.probe()
        began = time.monotonic()

        between.silent = True
        with pytest.raises(Unavailable, match="no answer in time"):
            await database.probe()
        with pytest.raises(Unavailable, match="no answer in time"):
            await database.probe()
        assert time.monotonic() - began < 8

        between.silent = False
        await database.probe()
        await database.close()


async def test_a_kept_connection_that_went_dead_is_replaced(postgres_url: str) -> None:
    """Nobody told us that it is dead (a firewall forgot it): one that was idle for long is asked before its use."""
    address = make_url(postgres_url)
    limits = PoolLimits(connect_seconds=0.5, statement_seconds=0.2, answer_seconds=0.2, trusted_idle_seconds=0)
    async with silence_before(address.host or "", address.port or 5432) as between:
        url = address.set(host="127.0.0.1", port=between.port).render_as_string(hide_password=False)
        database = open_database(url, connections=1, limits=limits)
        before = await _backend(database)
        await between.stop()

        assert await _backend(database) != before
        await database.close()


async def test_no_free_connection_is_an_outage(quick: Database) -> None:
    """All in use for too long: the caller is told in time, and which database it is."""
    async with quick.write(), quick.write():
        with pytest.raises(Unavailable, match="no free connection"):
            await quick.probe()


async def test_a_read_only_server_fails_the_probe_and_the_writers(quick: Database, postgres_url: str) -> None:
    """A standby that took over, or an administrator's switch: jobs wait, and the probe tells why."""
    name = make_url(postgres_url).database
    async with quick.write() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    other = open_database(postgres_url)

    with pytest.raises(Unavailable, match="read-only"):
        await other.probe()
    with pytest.raises(Unavailable, match="read-only"):
        async with other.write() as connection:
            await connection.execute(text("CREATE TABLE x (y int)"))

    async with quick.write() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))
    await other.close()


async def test_the_probe_can_write_on_a_server_with_room(quick: Database) -> None:
    """After an outage of any kind."""
    with pytest.raises(Unavailable):
        async with quick.write() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await asyncio.gather(*(quick.probe() for _ in range(2)))


async def test_a_try_to_write_has_something_to_commit_and_leaves_no_rows_behind(quick: Database) -> None:
    """It is made again and again, so it must not fill the server's own tables."""
    async with quick.write() as connection:
        await try_to_write(connection)
        begun = (await connection.execute(text("SELECT txid_current_if_assigned()"))).scalar()
        changes = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_all_tables"
        assert (begun is not None, (await connection.execute(text(changes))).scalar()) == (True, 0)

"""Sample rows are made one by one, and the same seed makes the same rows."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from demo import seed as program
from demo.sample_rows import SHARES, World, rows_of
from demo.seed import AlreadySeededError, seed
from nightshift.database import migrate, open_database, sqlite_url
from schema.tables import ACCOUNT_STATUSES, FILE_STATUSES, files

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_shares_are_all_there_is() -> None:
    """Of every hundred rows each table gets its part."""
    assert sum(share for _, _, share in SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", SHARES)
def test_the_same_seed_makes_the_same_rows(name: str) -> None:
    """So that what a test or a person saw can be seen again; another seed makes others, with other ids."""
    first, again, other = (list(rows_of(name, World(number, NOW, 100), 50)) for number in (1, 1, 2))
    assert first == again
    assert not {row["id"] for row in first} & {row["id"] for row in other}


@pytest.mark.parametrize("name", SHARES)
def test_rows_are_made_when_they_are_asked_for(name: str) -> None:
    """However many there will be, nobody holds them."""
    assert len(list(islice(rows_of(name, World(1, NOW, 100), 10**12), 3))) == 3


def test_nobody_outside_is_called_because_of_sample_rows() -> None:
    """Beside a running stack a sync of all finds no account that is to be synced."""
    statuses = {row["status"] for row in rows_of("linked_accounts", World(1, NOW, 100), 1_000)}
    assert statuses == {"disabled", "revoked"} < set(ACCOUNT_STATUSES)


async def test_a_database_is_filled_once(tmp_path: Path) -> None:
    """With what a cleanup and a report find there: each kind of file, live and expired sessions, old and new logs."""
    url = sqlite_url(tmp_path / "n.db")
    await migrate(url)
    database = open_database(url)
    told: list[tuple[str, int, int]] = []
    counts = await seed(database, rows=2_000, seed=3, now=NOW, progress=lambda *line: told.append(line))
    assert sum(counts.values()) == 2_000
    assert {name for name, written, count in told if written == count} == set(SHARES)
    async with database.read() as connection:
        for name, (table, _, _) in SHARES.items():
            assert (await connection.execute(select(func.count()).select_from(table))).scalar() == counts[name]
        kinds = await connection.execute(select(files.c.status).distinct())
        assert set(kinds.scalars()) == set(FILE_STATUSES)
        owned = await connection.execute(select(files.c.user_id.is_(None)).distinct())
        assert set(owned.scalars()) == {True, False}
        assert (await connection.execute(text("PRAGMA foreign_key_check"))).all() == []
    with pytest.raises(AlreadySeededError, match="--seed 3"):
        await seed(database, rows=2_000, seed=3, now=NOW + timedelta(days=1))
    await seed(database, rows=1_000, seed=4, now=NOW)
    await database.close()


def test_the_command_line_makes_the_tables_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing to a filled database; a second time it says what is there, and how to add more."""
    arguments = ["--rows", "300", "--url", sqlite_url(tmp_path / "n.db"), "--now", "2026-03-01T00:00:00"]
    assert program.main(arguments) == 0
    assert "300 rows in" in capsys.readouterr().out
    assert program.main(arguments) == 0
    said = capsys.readouterr().out
    assert "has the sample rows of --seed 1 already: users 15, sessions 60, " in said
    assert "Nothing was added. For more: make seed SEED=2" in said
    assert program.main([*arguments, "--seed", "2"]) == 0
    assert "300 rows in" in capsys.readouterr().out
    assert program.main(["--rows", "3"]) == 2

"""Database URLs: which are understood, what is said of the others, and that no password gets out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.config.datastore_urls import parse, place
from nightshift.database import open_database, sqlite_url


@pytest.mark.parametrize(
    ("url", "driver", "where"),
    [
        ("postgresql://app:pw@db:5432/shop", "postgresql+asyncpg", "PostgreSQL at db:5432/shop"),
        ("postgres://app:pw@db/shop", "postgresql+asyncpg", "PostgreSQL at db/shop"),
        ("postgresql+asyncpg://db/shop?sslmode=verify-full", "postgresql+asyncpg", "PostgreSQL at db/shop"),
        ("postgresql:///shop?host=a:1&host=b:2", "postgresql+asyncpg", "PostgreSQL at a:1,b:2/shop"),
        ("postgresql://app:pw@a:1,b:2/shop?sslmode=require", "postgresql+asyncpg", "PostgreSQL at a:1,b:2/shop"),
        ("postgresql://app:p,w@a/shop", "postgresql+asyncpg", "PostgreSQL at a/shop"),
        ("postgresql:///shop?host=a:1,b:2", "postgresql+asyncpg", "PostgreSQL at a:1,b:2/shop"),
        ("postgresql:///shop", "postgresql+asyncpg", "PostgreSQL at localhost/shop"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite", "SQLite file /var/lib/x.db"),
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite", "SQLite file x.db"),
    ],
)
def test_usual_urls_are_understood(url: str, driver: str, where: str) -> None:
    """With or without the driver's name; how we speak of the database holds no password and no options."""
    address = parse(url)

    assert address.drivername == driver
    assert place(address) == where


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("postgresql://app:secret@host:port/shop", "cannot be read"),
        ("postgresql://app:in@secret@host/shop", "write it as %40"),
        ("mysql://app:secret@host/shop", "'mysql'"),
        ("postgresql+psycopg://app:secret@host/shop", "psycopg"),
        ("postgresql://app:secret@host", "names no database"),
        ("postgresql://app:secret@host/shop?sslmode=maybe", "sslmode.*'maybe'.*verify-full"),
        (
            "postgresql://app:secret@host/shop?sslmode=verify-ca&sslrootcert=/no/ca.pem",
            "sslrootcert.*no file /no/ca.pem",
        ),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite://var/x.db", "four slashes"),
        ("sqlite:///x.db?mode=secret", "mode"),
    ],
)
def test_other_urls_are_refused_in_words(url: str, words: str) -> None:
    """The text says what is wrong and what to write, and never repeats what may be a password."""
    with pytest.raises(ValueError, match=words) as caught:
        open_database(url)

    assert "secret" not in str(caught.value)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_file_has_a_url(name: str) -> None:
    """Whatever characters a path has, its URL leads to that file."""
    file = Path("/folder") / name.replace("/", "_")

    assert parse(sqlite_url(file)).database == file.as_posix()

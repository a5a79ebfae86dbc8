"""What becomes of the options of a PostgreSQL URL: understood, dropped if they change nothing, or refused by name."""

import pytest

from nightshift.config.database_options import connect_seconds, is_behind_pooler
from nightshift.config.datastore_urls import parse
from nightshift.config.settings import Settings, SettingsError, load

URL = "postgresql://app:secret@db.example:5432/shop"
OTHERS = {"S3_ENDPOINT": "http://127.0.0.1:8333", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}


def options(query: str) -> dict[str, object]:
    """What is left of the options."""
    return dict(parse(f"{URL}?{query}").query)


@pytest.mark.parametrize(
    "dropped",
    [
        "channel_binding=require",
        "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5",
        "tcp_user_timeout=10000",
        "gssencmode=disable",
        "client_encoding=utf8",
        "fallback_application_name=psql",
        "sslsni=1",
        "load_balance_hosts=random",
        "connection_limit=1&pool_timeout=10",
        "statement_cache_size=0",
        "prepareThreshold=0",
        "uselibpqcompat=true",
    ],
)
def test_options_that_change_nothing_here_are_dropped(dropped: str) -> None:
    """What consoles of providers copy into every URL must not keep a worker from its database."""
    assert options(f"sslmode=require&{dropped}") == {"sslmode": "require"}


@pytest.mark.parametrize(
    "kept",
    [
        "target_session_attrs=read-write",
        "application_name=shop",
        "options=-c%20search_path%3Dapp",
        "search_path=app",
        "statement_timeout=5000",
        "lock_timeout=1000",
        "my.setting=1",
        "connect_timeout=10",
        "pgbouncer=true",
        "sslmode=verify-full",
        "host=%2Fvar%2Frun%2Fpostgresql",
    ],
)
def test_options_that_are_understood_are_kept(kept: str) -> None:
    """By the driver, by the server, or by us."""
    assert list(options(kept)) == [kept.partition("=")[0]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("conect_timeout=10", "unknown option 'conect_timeout'; did you mean connect_timeout?"),
        ("foo=bar", "unknown option 'foo'"),
        ("enable_seqscan=off", "options=-c%20name=value"),
        ("connect_timeout=soon", "connect_timeout in the database URL is 'soon': it is a number of seconds"),
        ("connect_timeout=1&connect_timeout=2", "connect_timeout is in the database URL more than once"),
        ("pgbouncer=maybe", "pgbouncer in the database URL is 'maybe': it is true or false"),
        ("target_session_attrs=master", "target_session_attrs .*'master': it is one of any, read-write"),
        ("require_auth=scram-sha-256", "require_auth .*not supported"),
        ("replication=database", "replication .*not supported"),
        ("ssl=true", "ssl .*write sslmode=require"),
        ("schema=app", "schema .*write search_path"),
    ],
)
def test_other_options_are_refused_at_start_by_name(query: str, words: str) -> None:
    """With the other settings, and before anything is connected."""
    with pytest.raises(SettingsError, match=f"DATABASE_URL: .*{words}".replace("?", r"\?")) as caught:
        load(Settings, {"DATABASE_URL": f"{URL}?{query}", **OTHERS})
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("10", 10.0), ("1", 2.0), ("0", None), ("-1", None)])
def test_a_time_to_connect_is_taken_as_libpq_takes_it(text: str, seconds: float | None) -> None:
    """Two seconds at least; none and fewer mean its own default, for libpq for ever, here five seconds."""
    assert connect_seconds(parse(f"{URL}?connect_timeout={text}").query) == seconds


def test_a_pooler_is_told_by_the_url() -> None:
    """However true is written."""
    assert [is_behind_pooler(parse(f"{URL}?pgbouncer={text}").query) for text in ("true", "1", "ON", "false")] == [
        True,
        True,
        True,
        False,
    ]
    assert not is_behind_pooler(parse(URL).query)


def test_the_systems_authorities_are_a_file() -> None:
    """`sslrootcert=system`, as libpq 16 has it, verifies the host's name as well."""
    found = options("sslrootcert=system")
    assert found["sslmode"] == "verify-full"
    assert str(found["sslrootcert"]).startswith("/")

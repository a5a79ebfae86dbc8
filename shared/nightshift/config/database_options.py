"""The options of a PostgreSQL URL: what libpq, poolers and other drivers know, and what becomes of it here.

libpq's are listed at https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import re
from collections.abc import Mapping, Sequence

from nightshift.text import did_you_mean

POOLER, CONNECT_TIMEOUT = "pgbouncer", "connect_timeout"
"""Ours: whether a pooler lends the connection for one transaction at a time; seconds until a connection is there."""
SCHEMA_OPTION, LIBRARY_SCHEMA = "nightshift_schema", "nightshift"
"""Ours: the schema of the library's tables, which DATABASE_SCHEMA puts there; and the one without it."""
_OURS = (POOLER, CONNECT_TIMEOUT, SCHEMA_OPTION)
_SCHEMA_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,40}")
_TAKEN_SCHEMAS = ("public", "information_schema")
_DRIVER = frozenset(
    {
        *("host", "port", "user", "password", "dbname", "database", "passfile", "service"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib"),
    }
)
_SERVER = frozenset(
    {
        *("application_name", "options", "search_path", "role", "timezone", "datestyle", "work_mem", "jit"),
        *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"),
        *("transaction_timeout", "default_transaction_isolation", "synchronous_commit", "temp_buffers"),
    }
)
"""Settings of the session that the driver hands to the server; so is any with a dot in its name."""
_DROPPED = frozenset(
    {
        # The pool tests what has been idle, and gives up a connection without an answer: that covers these.
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        # What the driver does not do, or does as it can: it speaks UTF-8 and the one protocol that all servers know.
        *("channel_binding", "client_encoding", "fallback_application_name", "gssencmode", "gssdelegation", "sslsni"),
        *("sslcompression", "load_balance_hosts", "min_protocol_version", "max_protocol_version", "sslcertmode"),
        # Of other libraries and their pools, which are not this one.
        *("connection_limit", "pool_timeout", "statement_cache_size", "prepared_statement_cache_size"),
        *("preparethreshold", "uselibpqcompat"),
    }
)
_REFUSED = {
    "require_auth": "the driver cannot insist on a method: leave it out",
    "requirepeer": "the driver cannot check the server's user: leave it out",
    "replication": "jobs need an ordinary connection: leave it out",
    "requiressl": "write sslmode=require",
    "ssl": "write sslmode=require, or verify-full",
    "sslaccept": "write sslmode=require, or verify-full",
    "schema": "write search_path",
    "currentschema": "write search_path",
}
_SESSIONS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_TRUE, _FALSE = frozenset({"true", "1", "on", "yes"}), frozenset({"false", "0", "off", "no"})


def usable_options(query: Mapping[str, str | Sequence[str]]) -> dict[str, str | Sequence[str]]:
    """Return the options without those that change nothing here.

    Raises:
        ValueError: an option is unknown, cannot be kept to, or has a value that it cannot have.
    """
    options = {name: value for name, value in query.items() if name.lower() not in _DROPPED}
    for name, value in options.items():
        _check_name(name)
        if not isinstance(value, str) and name != "host":
            raise ValueError(f"{name} is in the database URL more than once")
    is_behind_pooler(options)
    connect_seconds(options)
    library_schema(options)
    _check_choice(options, "target_session_attrs", _SESSIONS)
    return options


def is_behind_pooler(options: Mapping[str, str | Sequence[str]]) -> bool:
    """Tell whether the URL says that a pooler lends connections for one transaction at a time."""
    text = str(options.get(POOLER, "false")).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{POOLER} in the database URL is {text!r}: it is true or false")
    return text in _TRUE


def library_schema(options: Mapping[str, str | Sequence[str]]) -> str:
    """Return the schema in which the library's tables are.

    Raises:
        ValueError: it is no name that could stand in a statement as it is, or belongs to others.
    """
    name = str(options.get(SCHEMA_OPTION, LIBRARY_SCHEMA))
    if not _SCHEMA_NAME.fullmatch(name) or name in _TAKEN_SCHEMAS:
        raise ValueError(
            f"the schema of Nightshift's tables cannot be {name!r}: it is a name of its own, in small letters, digits "
            "and _, at most 41 of them, such as nightshift or shop_jobs"
        )
    return name


def connect_seconds(options: Mapping[str, str | Sequence[str]]) -> float | None:
    """Return how long to wait for a connection; None where the URL does not say it, or says: for ever."""
    text = options.get(CONNECT_TIMEOUT)
    if text is None:
        return None
    if not (isinstance(text, str) and text.removeprefix("-").isdecimal() and len(text) < len("100000")):
        raise ValueError(f"{CONNECT_TIMEOUT} in the database URL is {text!r}: it is a number of seconds")
    return max(2.0, float(text)) if int(text) > 0 else None  # two is libpq's least


def _check_name(name: str) -> None:
    lower = name.lower()
    if lower in _REFUSED:
        raise ValueError(f"{name} in the database URL is not supported: {_REFUSED[lower]}")
    if name in _DRIVER or lower in _SERVER or name in _OURS or "." in name:
        return
    known = (*_DRIVER, *_SERVER, *_DROPPED, *_OURS)
    raise ValueError(
        f"the database URL has an unknown option {name!r}{did_you_mean(name, known)}; the server's own settings are "
        "written options=-c%20name=value"
    )


def _check_choice(options: Mapping[str, str | Sequence[str]], name: str, choices: Sequence[str]) -> None:
    value = options.get(name)
    if value is not None and value not in choices:
        raise ValueError(f"{name} in the database URL is {value!r}: it is one of {', '.join(choices)}")

"""Which errors blame the database, and what is said then."""

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from nightshift.database.outages import is_outage, outages
from nightshift.outcomes import Unavailable


class _PostgresError(Exception):
    """What the PostgreSQL driver raises: an error with the server's code."""

    def __init__(self, sqlstate: str, text: str = "said so") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def _postgres(sqlstate: str, text: str = "said so", *, lost: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {"password": "secret"}, _PostgresError(sqlstate, text), connection_invalidated=lost)


def _sqlite(code: int) -> DBAPIError:
    original = sqlite3.OperationalError("said so")
    original.sqlite_errorcode = code
    return DBAPIError("SELECT 1", {"password": "secret"}, original)


def _outcome(error: Exception) -> Exception:
    """What comes out of a block that was connected and raises this."""
    try:
        with outages("shop") as stage:
            stage.connected = True
            raise error  # noqa: TRY301 - the test's subject
    except Exception as outcome:  # noqa: BLE001 - any is compared
        return outcome


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("42P01", 'relation "nightshift.outbox" does not exist'),
        ("42P01", "Relation »nightshift.outbox« existiert nicht"),
        ("3F000", 'schema "nightshift" does not exist'),
        ("42501", "permission denied for schema nightshift"),
    ],
)
def test_missing_tables_of_the_library_are_an_outage(state: str, text: str) -> None:
    """Whatever the server's language: they come when somebody has provisioned. Another's table is another matter."""
    outcome = _outcome(_postgres(state, text))
    assert isinstance(outcome, Unavailable)
    assert "nightshift provision" in str(outcome)
    assert not is_outage(_postgres(state, text.replace("nightshift", "shop")))


@pytest.mark.parametrize(
    "state",
    [
        "08006",
        "08P01",
        "28P01",
        "28000",
        "53100",
        "53200",
        "53300",
        "57P01",
        "57P02",
        "57P03",
        "58030",
        "XX001",
        "25006",
    ],
)
def test_codes_that_blame_the_server_are_outages(state: str) -> None:
    """Connection, login, resources, shutdown, input and output, damage, read-only."""
    assert is_outage(_postgres(state))


@pytest.mark.parametrize("state", ["23505", "23503", "22001", "40001", "40P01", "42601", "42P01", "57014", "55P03", ""])
def test_codes_that_blame_the_statement_are_not(state: str) -> None:
    """Constraints, values, deadlocks, syntax, a statement given up: waiting does not cure them."""
    assert not is_outage(_postgres(state))


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY_DBMOVED,
    ],
)
def test_results_that_blame_the_file_are_outages(code: int) -> None:
    """Also with the extended codes, which say more precisely what happened."""
    assert is_outage(_sqlite(code))


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISUSE]
)
def test_results_that_blame_the_statement_are_not(code: int) -> None:
    """They pass to whoever made the statement."""
    assert not is_outage(_sqlite(code))


@pytest.mark.parametrize("error", [_postgres("25006"), _sqlite(sqlite3.SQLITE_READONLY)])
def test_writing_in_a_read_is_no_outage(error: DBAPIError) -> None:
    """Inside a read the refusal is what was asked for; waiting for its end would be for ever."""
    assert is_outage(error, writing=True)
    assert not is_outage(error, writing=False)


def test_a_lost_connection_is_an_outage_whatever_the_code() -> None:
    """The driver saw the connection go."""
    assert is_outage(_postgres("", lost=True))


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), OSError(28, "x"), KeyError("x")])
def test_errors_of_other_things_in_the_block_pass(error: Exception) -> None:
    """A timeout or a refused socket inside the block may be anybody's: only the database's own count."""
    assert _outcome(error) is error


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError("refused"), OSError("no such host")])
def test_before_the_connection_they_are_the_databases(error: Exception) -> None:
    """While connecting nothing else is in play."""
    with pytest.raises(Unavailable, match="here: "), outages("here"):
        raise error


def test_what_the_driver_refuses_to_connect_with_is_no_fault_of_the_job() -> None:
    """An option in the URL: the job waits until the settings are right; once connected it is the caller's mistake."""
    with pytest.raises(Unavailable, match="here: sslmode"), outages("here"):
        raise ValueError("sslmode")
    assert isinstance(_outcome(ValueError("mine")), ValueError)


def test_the_text_is_one_line_without_values() -> None:
    """It names the place and what the database said; statement and parameters stay out."""
    said = "<class 'asyncpg.exceptions.DiskFullError'>: could not extend file: no space left\nHINT: free some"

    outcome = _outcome(_postgres("53100", said))

    assert isinstance(outcome, Unavailable)
    assert str(outcome) == "database is unavailable: shop: could not extend file: no space left"


def test_a_constraint_passes_as_it_is() -> None:
    """The very error, so that the inbox can tell a duplicate."""
    error = IntegrityError("INSERT", {}, _PostgresError("23505"))

    assert _outcome(error) is error


def test_an_exhausted_pool_is_an_outage() -> None:
    """It says that all connections are in use, not a riddle about sizes and overflows."""
    with pytest.raises(Unavailable, match="no free connection"), outages("here"):
        raise PoolTimeout("QueuePool limit of size 5 overflow 5 reached")

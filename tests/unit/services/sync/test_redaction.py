"""Keeping an account's secrets out of errors."""

from datetime import timedelta

import pytest

from nightshift.config.secret import Secret
from nightshift.outcomes import Permanent, Skip, Snooze, Unavailable
from services.sync.connector import Account, SourceRefusedError, SyncFailedError
from services.sync.http.redaction import secrets_hidden

ACCOUNT = Account(
    "id", "user", "feed", base_url="https://x.example/private/9f8e", credentials=Secret("ada.lovelace:hunter2hunter2")
)


@pytest.mark.parametrize(
    "error",
    [
        Permanent("a hunter2hunter2 b"),
        SourceRefusedError("a ada.lovelace:hunter2hunter2 b"),
        SyncFailedError("a https://x.example/private/9f8e b"),
        Snooze(timedelta(seconds=9), "a hunter2hunter2 b"),
    ],
)
def test_an_outcome_stays_what_it_is_without_secrets(error: Exception) -> None:
    """Kind and delay are the same."""
    with pytest.raises(type(error)) as found, secrets_hidden(ACCOUNT):
        raise error
    assert str(found.value) == "a *** b"
    assert getattr(found.value, "delay", None) == getattr(error, "delay", None)
    assert found.value.__cause__ is None


def test_an_unexpected_error_is_a_failed_attempt_without_secrets() -> None:
    """Whatever it was, its text goes through here."""
    with pytest.raises(SyncFailedError, match=r"^KeyError: '\*\*\*'$"), secrets_hidden(ACCOUNT):
        raise KeyError("hunter2hunter2")


@pytest.mark.parametrize("error", [Skip("x"), Unavailable("database", "x")])
def test_what_is_about_ourselves_passes(error: Exception) -> None:
    """It knows no secret of the account."""
    with pytest.raises(type(error)) as found, secrets_hidden(ACCOUNT):
        raise error
    assert found.value is error

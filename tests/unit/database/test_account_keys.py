"""How the credentials of linked accounts are encrypted."""

import base64
import subprocess

import pytest

from schema.account_keys import AccountKeys, NoKeyError, SealedError, key_id, new_key

TOKEN = "gho_made_up"


def test_what_is_sealed_opens_again_and_shows_nothing() -> None:
    """Not the credentials, and not whether two accounts have the same."""
    keys = AccountKeys.parse(new_key())
    one, other = keys.seal("a", TOKEN), keys.seal("a", TOKEN)
    assert keys.open("a", one).reveal() == keys.open("a", other).reveal() == TOKEN
    assert one != other
    assert TOKEN not in one
    assert one.startswith(keys.beginning)


def test_what_is_sealed_belongs_to_one_account() -> None:
    """Copied into another row, changed, or cut short it does not open; the text says what to do."""
    keys = AccountKeys.parse(new_key())
    sealed = keys.seal("a", TOKEN)
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for account, text in (("b", sealed), ("a", changed), ("a", sealed[:40]), ("a", "sealed:v1:nonsense")):
        with pytest.raises(SealedError, match="damaged") as wrong:
            keys.open(account, text)
        assert not isinstance(wrong.value, NoKeyError)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    """The newest stands first; without the old one, its text is told by the key's name."""
    old, new = new_key(), new_key()
    sealed = AccountKeys.parse(old).seal("a", TOKEN)
    both = AccountKeys.parse(f"{new}\n{old}\n")
    assert both.open("a", sealed).reveal() == TOKEN
    assert both.seal("a", TOKEN).startswith(AccountKeys.parse(new).beginning)
    with pytest.raises(NoKeyError, match=rf"with the key {key_id(base64.urlsafe_b64decode(old))}, which is not among"):
        AccountKeys.parse(new).open("a", sealed)


def test_without_any_key_nothing_is_sealed() -> None:
    """It says which setting is missing; what was stored before there were keys can be read."""
    keys = AccountKeys()
    assert not keys
    assert keys.open("a", TOKEN).reveal() == TOKEN
    with pytest.raises(NoKeyError, match="set ACCOUNT_KEYS"):
        keys.seal("a", TOKEN)


def test_a_key_may_come_from_openssl() -> None:
    """As the documents say, with commas or lines between several."""
    made = [subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, text=True, check=True).stdout]  # noqa: S607 - found on PATH
    keys = AccountKeys.parse(", ".join([made[0].strip(), new_key()]))
    assert keys.open("a", keys.seal("a", TOKEN)).reveal() == TOKEN


@pytest.mark.parametrize(
    "text", ["short", "ä" * 44, "A" * 44, f"{'A' * 43}=\nx"], ids=["short", "letters", "long", "second"]
)
def test_what_is_no_key_is_named_by_its_number(text: str) -> None:
    """Never by what it is."""
    with pytest.raises(ValueError, match=r"key \d is none: write 32 random bytes") as wrong:
        AccountKeys.parse(text)
    assert text not in str(wrong.value)

"""What a check of `nightshift doctor` found."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`state` is `ok`, `warning`, `wrong`, or `skipped` for what could not be looked at."""

    state: str
    check: str
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(state="ok", check=check, found=found)


def wrong(check: str, found: str, fix: str) -> Finding:
    """Something has to be fixed."""
    return Finding(state="wrong", check=check, found=found, fix=fix)


def warning(check: str, found: str, fix: str) -> Finding:
    """Somebody should have a look."""
    return Finding(state="warning", check=check, found=found, fix=fix)


def skipped(check: str, why: str) -> Finding:
    """It could not be looked at."""
    return Finding(state="skipped", check=check, found=why, fix="set it to have this checked too")

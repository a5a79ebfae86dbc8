"""The result of a check of `nightshift doctor`."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`state` is `ok`, `warning`, `wrong`, or `skipped` if it could not be checked."""

    state: str
    check: str
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(state="ok", check=check, found=found)


def wrong(check: str, found: str, fix: str) -> Finding:
    """Return a finding of something that has to be fixed."""
    return Finding(state="wrong", check=check, found=found, fix=fix)


def warning(check: str, found: str, fix: str) -> Finding:
    """Return a finding of something that deserves a look."""
    return Finding(state="warning", check=check, found=found, fix=fix)


def skipped(check: str, why: str) -> Finding:
    """Return a finding that something could not be checked."""
    return Finding(state="skipped", check=check, found=why, fix="set it to have this checked too")

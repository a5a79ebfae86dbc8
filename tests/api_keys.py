"""Keys of the gateway for tests: what is typed to make one that may do everything."""

EVERYTHING = ("jobs:write", "jobs:read", "jobs:cancel", "files:write", "files:read")
"""Every scope that there is."""


def making(name: str, *more: str) -> tuple[str, ...]:
    """The arguments of `nightshift` that make such a key, as JSON."""
    scopes = [part for scope in EVERYTHING for part in ("--scope", scope)]
    return ("keys", "create", name, *scopes, *more, "--json")

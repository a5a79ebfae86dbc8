"""The accounts and users of the broker as nats-server's configuration, from what each user may do.

See "Accounts" and "Authorization" in the NATS documentation.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from nightshift.topology.permissions import ACCOUNT, IMPORTED_API, Permissions

_API = "$JS.API"


def broker_config(table: Mapping[str, Permissions], passwords: Mapping[str, str]) -> str:
    """Return the `accounts` block of a nats-server configuration; `passwords` may be bcrypt hashes.

    Streams are in the account `NIGHTSHIFT`. It exports the subjects of jobs as services; every other account imports
    those that its user may publish, so that acknowledgements, refusals and duplicates come back to it alone.
    """
    members: dict[str, list[str]] = {ACCOUNT: []}
    exports: dict[tuple[str, str], list[str]] = {}
    imports: dict[str, list[str]] = {}
    for name, permissions in table.items():
        members.setdefault(permissions.account, []).append(_user(name, permissions, passwords[name]))
        if permissions.account != ACCOUNT:
            crossing = _crossing(permissions)
            imports[permissions.account] = [_import(*one) for one in crossing]
            for kind, subject in crossing:
                exports.setdefault((kind, _exported(subject)), []).append(permissions.account)
    own = members.pop(ACCOUNT)
    services = ["jetstream: enabled", *_list("users", own), *_list("exports", map(_export, exports.items()))]
    outside = {
        account: [*_list("users", entries), *_list("imports", imports[account])] for account, entries in members.items()
    }
    accounts = [_account(name, lines) for name, lines in {ACCOUNT: services, **outside}.items()]
    return "\n".join(["accounts {", *accounts, "}", ""])


def _crossing(permissions: Permissions) -> list[tuple[str, str]]:
    """Return what passes between a user's account and that of the streams: all but the answers to its own requests."""
    heard = [subject for subject in permissions.subscribe if not subject.startswith("_INBOX")]
    return [*(("service", subject) for subject in permissions.publish), *(("stream", subject) for subject in heard)]


def _exported(subject: str) -> str:
    """Return a subject as it is called in the account of the streams."""
    return subject.replace(IMPORTED_API, _API, 1) if subject.startswith(IMPORTED_API) else subject


def _account(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"  {name} {{", *(f"    {line}" for line in lines), "  }"])


def _list(name: str, entries: Iterable[str]) -> list[str]:
    return [f"{name} = [", *(f"  {entry}" for entry in entries), "]"]


def _export(export: tuple[tuple[str, str], Sequence[str]]) -> str:
    (kind, subject), accounts = export
    # A page of stored messages is many answers to one question.
    many = ", response_type: stream" if subject.startswith(f"{_API}.DIRECT.GET.") else ""
    return f"{{{kind}: {json.dumps(subject)}, accounts: {json.dumps(accounts)}{many}}}"


def _import(kind: str, subject: str) -> str:
    exported = _exported(subject)
    renamed = "" if exported == subject else f", to: {json.dumps(subject)}"
    return f"{{{kind}: {{account: {ACCOUNT}, subject: {json.dumps(exported)}}}{renamed}}}"


def _user(name: str, permissions: Permissions, password: str) -> str:
    allowed = {"publish": {"allow": list(permissions.publish)}, "subscribe": {"allow": list(permissions.subscribe)}}
    return f"{{user: {json.dumps(name)}, password: {json.dumps(password)}, permissions: {json.dumps(allowed)}}}"

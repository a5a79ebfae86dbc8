"""How dead letters are shown: in a list, and in full with error, headers and body."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from nightshift.cli.client.contract import Messages
from nightshift.cli.queries.dead_letters import Facts, Letter
from nightshift.cli.terminal.formatting import brief, format_attempts, format_instant, format_size
from nightshift.cli.terminal.output import Output
from nightshift.cli.terminal.table import Column

COLUMNS = (
    Column("REF", lambda row: row.ref),
    Column("DIED", lambda row: format_instant(row.died), spare=1),
    Column("TYPE", lambda row: row.type),
    Column("JOB ID", lambda row: brief(row.job_id, 60)),
    Column("REASON", lambda row: row.reason),
    Column("TRIED", lambda row: format_attempts(row.attempts, row.most), right=True, spare=2),
    Column("ERROR", lambda row: brief(row.error, 160), words=True),
)


class LetterRow(Facts, frozen=True, kw_only=True):
    """A dead letter in a list."""

    bytes: int
    most: int | None = None
    """The attempts that its type's contract allows; None for a type without one."""


class LetterWhole(LetterRow, frozen=True, kw_only=True, omit_defaults=True):
    """A dead letter in full; `body` if it is JSON, else `text`."""

    headers: dict[str, str]
    body: Any = msgspec.UNSET
    text: str | None = None


def row(letter: Letter, messages: Messages) -> LetterRow:
    """Return a letter as a row of the list."""
    return LetterRow(**_facts(letter, messages))


async def show(output: Output, letters: AsyncIterator[Letter], messages: Messages) -> int:
    """Show letters in full, each as soon as it is read; return how many there were."""
    if output.as_json:
        return await output.json_list(whole(letter, messages) async for letter in letters)
    shown = 0
    async for letter in letters:
        if shown:
            output.line("")
        _show_one(output, letter, messages)
        shown += 1
    return shown


def _show_one(output: Output, letter: Letter, messages: Messages) -> None:
    output.line(f"{letter.ref}  {letter.type}  {letter.job_id}", "bold")
    tried = format_attempts(letter.attempts, _most(letter, messages)) or "no"
    output.line(f"{letter.reason} after {tried} attempts, {format_instant(letter.died)}")
    output.line(letter.error or "(no error text)", "red")
    output.line("")
    for name, value in letter.message.headers.items():
        output.line(f"{name}: {value}")
    output.line("")
    output.line(_pretty(letter.message.body))


def _pretty(body: bytes) -> str:
    if not body:
        return "(no body)"
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"({format_size(len(body))} that are not JSON)\n" + body.decode("utf-8", "backslashreplace")


def _most(letter: Letter, messages: Messages) -> int | None:
    """Return how often jobs of its type are tried; None where it was tried as often as its worker was set to."""
    known = messages.get(letter.type)
    most = known.RETRIES.most if known else None
    return None if letter.reason == "attempts-exhausted" and letter.attempts != most else most


def _facts(letter: Letter, messages: Messages) -> dict[str, Any]:
    facts = {name: getattr(letter, name) for name in Facts.__struct_fields__}
    readable = {name: _text(value) if isinstance(value, str) else value for name, value in facts.items()}
    return {**readable, "bytes": len(letter.message.body), "most": _most(letter, messages)}


def whole(letter: Letter, messages: Messages) -> LetterWhole:
    """Return a letter in full."""
    headers = {_text(name): _text(value) for name, value in letter.message.headers.items()}
    try:
        return LetterWhole(**_facts(letter, messages), headers=headers, body=msgspec.json.decode(letter.message.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return LetterWhole(
            **_facts(letter, messages), headers=headers, text=letter.message.body.decode("utf-8", "backslashreplace")
        )


def _text(value: str) -> str:
    """Return text that can be encoded: bytes that are not UTF-8 become escapes."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

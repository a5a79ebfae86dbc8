"""Reads the file of sources: which providers may send webhooks, and with which secrets they sign."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.config.env_settings import SettingsError
from nightshift.webhooks.scheme import Scheme
from nightshift.webhooks.schemes.build import build_scheme
from nightshift.webhooks.source import Source, may_be_passed_on
from nightshift.webhooks.source_secrets import read_secrets
from nightshift.webhooks.source_table import FIELDS_OF, SourceTable, parse_table

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LARGEST_FILE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class SourcesFile:
    """What a file of sources says."""

    sources: Mapping[str, Source]
    fingerprint: bytes
    """Another one for another text or another secret."""


def load_sources(path: Path, environ: Mapping[str, str]) -> Mapping[str, Source]:
    """Read a file of sources and the secrets that it names; return the sources by name. An empty file has none.

    Raises:
        SettingsError: with a line for everything that is wrong, `<file>: <source>.<field>: …`, never with a secret.
    """
    return read_sources(path, environ).sources


def read_sources(path: Path, environ: Mapping[str, str]) -> SourcesFile:
    """Do the same, and tell by a fingerprint whether anything has changed.

    Raises:
        SettingsError: as `load_sources`.
    """
    text = _content(path)
    sources: dict[str, Source] = {}
    problems: list[str] = []
    seen = hashlib.sha256(text)
    for name, raw in _tables(path, text).items():
        try:
            sources[name], secrets = _source(name, raw, environ)
            seen.update(repr(secrets).encode())
        except SettingsError as error:
            problems += [f"{path}: {name[:60]}{problem}" for problem in error.problems]
    if problems:
        raise SettingsError(problems)
    return SourcesFile(sources, seen.digest())


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    if len(text) > _LARGEST_FILE_BYTES:
        raise SettingsError([f"{path}: is larger than 1 MiB: is it the right file?"])
    return text


def _tables(path: Path, text: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError([f"{path}: is no TOML: {error}"]) from None


def _source(name: str, raw: object, environ: Mapping[str, str]) -> tuple[Source, tuple[str, ...]]:
    if _NAME.fullmatch(name) is None:
        raise SettingsError([": a source's name is up to 40 lower-case letters, digits and _, a letter first"])
    if not isinstance(raw, dict):
        raise SettingsError([f": is no table: write [{name}]"])
    table, problems = parse_table(raw)
    if table is None:
        raise SettingsError([f".{problem}" for problem in problems])
    secrets, problems = read_secrets(table.scheme, table.secrets, environ)
    problems += _header_problems(table)
    if not problems:
        try:
            scheme = build_scheme(table, secrets)
            problems += _identity_problems(table, scheme)
            problems += _rate_problems(table, scheme)
        except SettingsError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError([f".{problem}" for problem in problems])
    source = Source(
        name=name,
        kind=table.scheme,
        scheme=scheme,
        max_body_bytes=table.max_body_bytes or scheme.MAX_BODY_BYTES,
        events=table.events,
        headers=tuple(dict.fromkeys([*scheme.PASSED_ON, *(header.lower() for header in table.headers)])),
        events_per_second=table.events_per_second,
        by_body=table.identity == "body" and _signs_id(table, scheme),
    )
    return source, secrets


def _header_problems(table: SourceTable) -> Iterator[str]:
    for header in table.headers:
        if not may_be_passed_on(header.lower()):
            yield f"headers: {header!r} may hold a secret or a signature, which no handler is given"


def _identity_problems(table: SourceTable, scheme: Scheme) -> Iterator[str]:
    if table.identity == "id" and not _signs_id(table, scheme):
        yield f"identity: 'id' is not possible: {table.scheme} signs no id, so that anybody could send an event again"


def _rate_problems(table: SourceTable, scheme: Scheme) -> Iterator[str]:
    if table.rate is not None and not (scheme.REPEATS or table.repeats):
        why = (
            "say repeats = true if this provider sends again what is answered with 429: else those events are lost"
            if "repeats" in FIELDS_OF[table.scheme]
            else f"is not possible: {table.scheme} does not send again what is answered with 429"
        )
        yield f"rate: {why}"


def _signs_id(table: SourceTable, scheme: Scheme) -> bool:
    return scheme.SIGNS_ID or table.id is not None or table.id_header is not None

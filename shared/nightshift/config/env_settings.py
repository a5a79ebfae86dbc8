"""Builds a typed settings object from environment variables, and reports everything that is wrong with them."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, dataclass_transform

import msgspec

from nightshift.config.env_fields import Variable, variables
from nightshift.config.redaction import protect, protect_password, redact, single_line
from nightshift.config.secret import FileSecret, Secret
from nightshift.text import closest, escape_unprintable

_LARGEST_SECRET_BYTES = 65_536
_LARGEST_NUMBER: dict[type, float] = {int: 2**53, float: 1e9, bool: 1}
"""The largest integer that is safe in JSON; and durations of about 30 years, the limit of timers. NaN is rejected."""
_UNREADABLE = "is not UTF-8 text"


class SettingsError(Exception):
    """The environment is wrong; the text lists every wrong and missing variable, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(escape_unprintable(problem) for problem in problems)
        super().__init__("the settings are wrong:\n" + "\n".join(f"  {problem}" for problem in self.problems))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class FromEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """One frozen object per process; the field `nats_url` is the variable `NATS_URL`.

    Each field is `Annotated[type, Meta(description=…)]`; constraints are Meta's, or a `Pattern` for texts and secrets.
    A `Secret` may also come from the file that `…_FILE` names, and is then read again whenever it is used.
    """

    REQUIRES: ClassVar[frozenset[str]] = frozenset()
    """Fields that this process cannot do without, though others of its kind can."""

    def check(self) -> Iterable[str]:
        """Yield one line per combination of values that cannot work; subclasses add to `super().check()`."""
        return ()

    def __repr__(self) -> str:
        shown = (f"{name}={redact(repr(getattr(self, name)))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"


T = TypeVar("T", bound=FromEnvironment)


def load(cls: type[T], environ: Mapping[str, str]) -> T:
    """Build `cls` from `environ`; an empty variable counts as not set.

    Raises:
        SettingsError: with a line for every variable that is missing or wrong, never with a secret's value.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    known = variables(cls)
    for variable in known:
        try:
            text = _text(variable, environ)
            if text is not None:
                values[variable.field] = _renewable(variable, environ, _value(variable, text))
            elif variable.required:
                problems.append(_missing(variable, known, environ))
        except _VariableError as wrong:
            problems.append(str(wrong))
    if problems:
        raise SettingsError([*problems, *_contradictions(cls, values, problems)])
    settings = cls(**values)
    if contradictions := list(settings.check()):
        raise SettingsError(contradictions)
    return settings


def _contradictions(cls: type[FromEnvironment], values: Mapping[str, Any], problems: list[str]) -> list[str]:
    """Return the problems that the cross-checks find in incomplete settings, so that all is reported at once."""
    missing = [field.name for field in msgspec.structs.fields(cls) if field.required and field.name not in values]
    told = {problem.replace(":", " ").split(" ", 1)[0].removesuffix("_FILE") for problem in problems}
    found: list[str] = []
    with contextlib.suppress(Exception):  # a check may stumble over what is missing, which is told anyway
        for text in cls(**dict.fromkeys(missing), **values).check():
            found.append(text)  # noqa: PERF402 - what was found before it stumbles counts
    return [text for text in found if text.replace(":", " ").split(" ", 1)[0] not in told]


class _VariableError(Exception):
    """One variable is missing or wrong; the text says how."""


def _text(variable: Variable, environ: Mapping[str, str]) -> str | None:
    direct = environ.get(variable.name) or None
    path = (environ.get(f"{variable.name}_FILE") or None) if variable.secret else None
    if direct is not None and path is not None:
        raise _VariableError(f"{variable.name} and {variable.name}_FILE are both set: keep one of them")
    return _content(variable, Path(path)) if path is not None else direct


def _renewable(variable: Variable, environ: Mapping[str, str], value: Any) -> Any:
    """Return a secret that a file holds as one that is read again whenever it is used: files are rotated."""
    path = environ.get(f"{variable.name}_FILE")
    if not (variable.secret and path and isinstance(value, Secret)):
        return value

    def read() -> str | None:
        try:
            return str(_value(variable, _content(variable, Path(path))).reveal())
        except _VariableError:
            return None

    return FileSecret(value.reveal(), read)


def _content(variable: Variable, path: Path) -> str:
    name = f"{variable.name}_FILE"
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_SECRET_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise _VariableError(f"{name}: cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _VariableError(f"{name}: {path} is not UTF-8 text") from None
    except ValueError as error:  # no path at all
        raise _VariableError(f"{name}: cannot read {path}: {error}") from None
    if len(text) > _LARGEST_SECRET_BYTES:
        raise _VariableError(f"{name}: {path} is larger than {_LARGEST_SECRET_BYTES} bytes: is it the right file?")
    secret = text.rstrip("\r\n")
    if not secret:
        raise _VariableError(f"{name}: {path} is empty, expected {variable.expected}")
    if "\0" in secret:
        raise _VariableError(f"{name}: {path} has a NUL character in it: is it text, in UTF-8?")
    return secret


def _value(variable: Variable, text: str) -> Any:
    if not (variable.is_path or _is_text(text)):
        raise _VariableError(f"{variable.name}: {_UNREADABLE}, expected {variable.expected}")
    if variable.pattern is not None and not variable.pattern.fits(text):
        raise _VariableError(_wrong(variable, text))
    if variable.secret:
        protect(text)
        return Secret(text)
    protect_password(text)
    try:
        value = msgspec.convert(_prepared(variable, text), variable.hint, strict=False, dec_hook=_from_text)
    except (msgspec.ValidationError, ValueError, TypeError):
        raise _VariableError(_wrong(variable, text)) from None
    if isinstance(value, int | float) and not -_LARGEST_NUMBER[type(value)] <= value <= _LARGEST_NUMBER[type(value)]:
        raise _VariableError(_wrong(variable, text))
    return value


def _is_text(text: str) -> bool:
    """Return whether it can be encoded: bytes that are not UTF-8 come out of the environment as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _prepared(variable: Variable, text: str) -> Any:
    if variable.choices:
        return text.lower()
    if variable.many:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _from_text(kind: type, text: Any) -> Any:
    return kind(text)


def _wrong(variable: Variable, text: str) -> str:
    shown = "is not usable" if variable.secret else f"is '{single_line(text, 80)}'"
    return f"{variable.name}: {shown}, expected {variable.expected}"


def _missing(variable: Variable, known: tuple[Variable, ...], environ: Mapping[str, str]) -> str:
    """Say that a variable is missing, and whether another one looks like a typing mistake of it."""
    names = {known_one.name for known_one in known}
    names |= {f"{known_one.name}_FILE" for known_one in known if known_one.secret}
    unknown = [name for name in environ if name not in names]
    wanted = [variable.name, f"{variable.name}_FILE"] if variable.secret else [variable.name]
    near = [match for name in wanted if (match := closest(name, unknown, cutoff=0.8))]
    hint = f" ({near[0]} is set: a typing mistake?)" if near else ""
    return f"{variable.name} is missing{hint}, expected {variable.expected}"

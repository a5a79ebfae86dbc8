"""What the signature of a declared function says: the message that it takes, and what else it needs, by name."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nightshift.contract.declaration import DeclarationError, place_of, shown
from nightshift.text import did_you_mean

AnyFunction = Callable[..., Any]
_KEYWORDS = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """A function with what is asked of whoever calls it."""

    function: AnyFunction
    name: str
    place: str
    first: Any
    """The annotation of its first parameter; None without one."""
    needs: tuple[str, ...]
    """The names of what it must be given, besides its positional parameters."""
    takes: tuple[str, ...]
    """The names of what it may be given: those that have a default."""

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Choose what it is given.

        Raises:
            TypeError: something that it needs is missing.
        """
        missing = [name for name in self.needs if name not in given]
        if missing:
            raise TypeError(f"{self.name} needs {', '.join(missing)}: pass it by name")
        needed = {name: given[name] for name in self.needs}
        return needed | {name: given[name] for name in self.takes if name in given}

    def check(self, service: str, known: Iterable[str]) -> None:
        """Refuse a function that needs what there is not.

        Raises:
            DeclarationError: names it, and how it is provided.
        """
        known = list(known)
        for name in self.needs:
            if name not in known:
                hint = did_you_mean(name, known) or f" (it has {', '.join(known)})"
                raise DeclarationError(
                    self.place,
                    f"{self.name} asks for {name!r}, which the service {service} does not have{hint}: "
                    f"provide it by a function {name}() under @{service}.resource",
                )


def read(function: AnyFunction, positional: tuple[str, ...]) -> DeclaredFunction:
    """Read the signature of a function that is called with so many positional arguments, and others by name.

    Raises:
        DeclarationError: it takes another number of them.
    """
    inner = inspect.unwrap(function.func if isinstance(function, functools.partial) else function)
    place = place_of(inner.__code__) if inspect.isfunction(inner) else shown(getattr(inner, "__module__", "") or "?")
    name = getattr(inner, "__name__", repr(inner))
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise DeclarationError(place, f"{name} is no function") from None
    first, rest = parameters[: len(positional)], parameters[len(positional) :]
    fits = len(first) == len(positional) and all(one.kind in {*_POSITIONAL} for one in first)
    if not fits:
        expected = ", ".join(positional)
        raise DeclarationError(place, f"{name} has to take ({expected}), and then, by name, whatever else it needs")
    named = [one for one in rest if one.kind in _KEYWORDS]
    return DeclaredFunction(
        function,
        name,
        place,
        _annotation(inner, first[0].name) if first else None,
        tuple(one.name for one in named if one.default is one.empty),
        tuple(one.name for one in named if one.default is not one.empty),
    )


def read_returning(function: AnyFunction, positional: tuple[str, ...]) -> DeclaredFunction:
    """Read a function that has done its work when it returns.

    Raises:
        DeclarationError: it yields, or takes another number of parameters.
    """
    declared = read(function, positional)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(declared.place, f"{declared.name} yields: it has to return when its work is done")
    return declared


_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def _annotation(function: Any, name: str) -> Any:
    """Return one annotation, evaluated; the others may name what only a type checker imports."""
    annotation = _annotations(function).get(name)
    if isinstance(annotation, str):
        try:
            return eval(annotation, function.__globals__)  # noqa: S307 - the program's own source
        except (NameError, AttributeError, SyntaxError):
            return None
    return annotation


def _annotations(function: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415 - new in 3.14

        return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(function)

"""A value that must not be printed: a password, a key, an address that contains one."""

from collections.abc import Callable

HIDDEN = "***"


class Secret:
    """Holds a string and shows it only to the caller of `reveal()`.

    It is deliberately no `str`: joining, formatting, printing and JSON encoding cannot let it out by accident.
    An empty secret is false.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one call that passes it to a client library."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)


class FileSecret(Secret):
    """A secret that a file holds, which may be replaced: `reveal()` returns what is in it now.

    While the file is away or holds nothing usable, the last value that it held counts.
    """

    __slots__ = ("_read",)

    def __init__(self, value: str, read: Callable[[], str | None]) -> None:
        """`read` returns the file's present content; None where it is no such secret."""
        super().__init__(value)
        self._read = read

    def reveal(self) -> str:
        """Return the value that the file holds now, for the one call that passes it to a client library."""
        self._value = self._read() or self._value
        return self._value

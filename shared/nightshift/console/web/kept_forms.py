"""Forms that came when their sender's session had ended: kept for a while, so that they come back filled in."""

import secrets
import time
from collections.abc import Callable, Mapping

_SECONDS = 600.0
_MOST = 100
_MOST_BYTES = 4 * 1024 * 1024
_OF_SESSION = "token"


class KeptForms:
    """Each is given back once, to whoever has its name; bounded in number, size and time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forms: dict[str, tuple[float, Mapping[str, str]]] = {}

    def keep(self, form: Mapping[str, str]) -> str:
        """Keep a form without what belongs to its session; return its name, which nobody can guess."""
        now, fields = self._clock(), {name: value for name, value in form.items() if name != _OF_SESSION}
        self._forms = {name: one for name, one in self._forms.items() if one[0] > now}
        while self._forms and (len(self._forms) >= _MOST or self._size + _size_of(fields) > _MOST_BYTES):
            self._forms.pop(next(iter(self._forms)))
        name = secrets.token_urlsafe(24)
        self._forms[name] = (now + _SECONDS, fields)
        return name

    def take(self, name: str) -> Mapping[str, str]:
        """Return a form, once; empty if there is none."""
        until, form = self._forms.pop(name, (0.0, {}))
        return form if until > self._clock() else {}

    @property
    def _size(self) -> int:
        return sum(_size_of(form) for _, form in self._forms.values())


def _size_of(form: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in form.items())

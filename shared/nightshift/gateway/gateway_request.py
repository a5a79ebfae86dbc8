"""A request as the operations read it."""

from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope


class _Fields(Headers):
    """The header fields of a request, found by name without a look at all of them; of a repeated one the first."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value of a field; `default` without it."""
        value = self._first.get(_sent_as(key))
        return default if value is None else value.decode("latin-1")


@lru_cache(256)
def _sent_as(name: str) -> bytes:
    """Return the name of a field as the server has it; those that are asked for are the code's own, and few."""
    return name.lower().encode("latin-1")


class GatewayRequest(Request):
    """Starlette's request, whose header fields are looked up often."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._headers = _Fields(scope["headers"])

"""`Authorization: Bearer …` for an HTTP client whose key may be replaced while the process runs."""

from typing import TYPE_CHECKING

from nightshift.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


def bearer(key: Secret) -> "Callable[[httpx.Request], httpx.Request]":
    """Return the `auth` of an httpx client: each request carries the key as it is then."""

    def authorize(request: "httpx.Request") -> "httpx.Request":
        request.headers["Authorization"] = f"Bearer {key.reveal()}"
        return request

    return authorize

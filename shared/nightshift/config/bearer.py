"""`Authorization: Bearer …` for an HTTP client whose key may be replaced while the process runs."""

from typing import TYPE_CHECKING, Any

from nightshift.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable


def bearer(key: Secret) -> "Callable[[Any], Any]":
    """Return the `auth` of an httpx client: each request carries the key as it is then."""

    def authorize(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key.reveal()}"
        return request

    return authorize

"""Whether a request came from the console's own pages, and to the console's own address.

Browsers say where a request comes from in `Sec-Fetch-Site`; where they do not (plain HTTP on a host that is not
the machine itself), `Origin` must be our own. A page of another site can set neither.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from nightshift.console.settings import ConsoleSettings, is_loopback

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class OwnAddress:
    """Knows by which addresses the console is reached."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._url = urlsplit(settings.console_url) if settings.console_url else None
        named = self._url.hostname if self._url is not None else None
        self._is_local = is_loopback(settings.console_host) or is_loopback(named or "")

    @property
    def is_https(self) -> bool:
        """Whether people reach it by TLS, which a proxy ends."""
        return self._url is not None and self._url.scheme == "https"

    def is_addressed(self, request: Request) -> bool:
        """Return whether the request names our host: a strange name that leads here is another site's trick."""
        host = request.headers.get("host", "").lower()
        name = _name_of(host)
        if self._url is not None and host == self._url.netloc.lower():
            return True
        return name in _LOCAL_NAMES if self._is_local else self._url is None

    def is_from_here(self, request: Request) -> bool:
        """Return whether a request that changes something was sent by one of our own pages."""
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        return request.headers.get("origin", "").lower() in self._origins(request)

    def _origins(self, request: Request) -> set[str]:
        if self._url is not None:
            return {f"{self._url.scheme}://{self._url.netloc}".lower()}
        return {f"http://{request.headers.get('host', '')}".lower()}


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname if "@" not in host else None
    except ValueError:  # a bracket that is not closed
        return None

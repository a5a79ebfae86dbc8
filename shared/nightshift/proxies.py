"""Choose the proxy for an address from the environment, as curl and most programs read it.

`HTTPS_PROXY`, `HTTP_PROXY` (lower case only where it could come from a request's header) and `ALL_PROXY` name a proxy;
`NO_PROXY` lists hosts, domains, ports, addresses with or without brackets, networks (`10.0.0.0/8`, `fd00::/8`) and `*`.
"""

import importlib.util
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_HTTP = frozenset({"http", "https"})
_SOCKS = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The proxy to use, None for none; and what is wrong with the variables, a sentence each."""

    url: str | None = None
    problems: tuple[str, ...] = ()


def choose_proxy(url: str, environ: Mapping[str, str]) -> ProxyChoice:
    """Return the proxy for requests to `url`. A variable that cannot be used is named, and left out; never fails."""
    target = urlsplit(url)
    if "REQUEST_METHOD" in environ:  # a CGI program: HTTP_PROXY may be a header that somebody sent
        environ = {name: value for name, value in environ.items() if name != "HTTP_PROXY"}
    problems: list[str] = []
    for name in (f"{target.scheme}_proxy", f"{target.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        value = environ.get(name, "").strip()
        if not value:
            continue
        proxy = value if "://" in value else f"http://{value}"
        if _bypassed(target, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
            return ProxyChoice(None, tuple(problems))
        if problem := _problem(name, proxy):
            problems.append(problem)
        else:
            return ProxyChoice(proxy, tuple(problems))
    return ProxyChoice(None, tuple(problems))


def _problem(name: str, proxy: str) -> str | None:
    try:
        parts = urlsplit(proxy)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return f"{name} is no address of a proxy and is not used: write http://host:port"
    if parts.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        return f"{name} names a SOCKS proxy and is not used: the package socksio is not installed; set an HTTP proxy"
    if parts.scheme in {"socks4", "socks4a"} or parts.scheme not in _HTTP | _SOCKS:
        return f"{name} names a proxy of the kind {parts.scheme!r} and is not used: write http://host:port"
    return None if usable else f"{name} names no host and is not used: write http://host:port"


def _bypassed(target: SplitResult, no_proxy: str) -> bool:
    host = (target.hostname or "").rstrip(".")
    port = target.port or _PORTS.get(target.scheme, 0)
    entries = no_proxy.replace(",", " ").split()
    return any(_covers(entry.lower(), host, port) for entry in entries)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if (address := _address(host)) is not None and (network := _network(entry)) is not None:
        return address in network
    name, separator, wanted = entry.rpartition(":")
    if separator and wanted.isdigit() and "]" not in wanted and (name.count(":") == 0 or name.endswith("]")):
        return int(wanted) == port and _covers(name, host, port)
    name = entry.removeprefix("*").strip("[]").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    host, _, bits = entry.partition("/")
    try:
        return ipaddress.ip_network(f"{host.strip('[]')}{'/' + bits if bits else ''}", strict=False)
    except ValueError:
        return None

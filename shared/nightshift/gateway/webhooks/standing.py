"""The standing of addresses: who had many webhooks refused gets less of what is scarce, but is never locked out.

Behind a proxy that is not named in GATEWAY_TRUSTED_PROXIES everybody has the same address, forgers and providers: so a
bad standing costs memory for large bodies only, and each signature is still looked at.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

_REFUSALS = 20.0
_FORGIVEN_PER_SECOND = 1.0
_ADDRESSES = 10_000
_V6_NETWORK = 16
"""Characters of an IPv6 address in hexadecimal: a /64, which is what one customer has."""


class Standing:
    """A bucket of refusals for each address, refilled by time and by any verified request."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_bad(self, address: str) -> bool:
        """Return whether the address has had more refusals than are forgiven."""
        bucket = self._buckets.get(_network(address))
        return bucket is not None and self._level(bucket) < 1

    def refused(self, address: str) -> None:
        """Take one from the address's bucket."""
        network = _network(address)
        level = self._level(self._buckets.pop(network, (_REFUSALS, self._clock())))
        self._buckets[network] = (max(level - 1, 0.0), self._clock())
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)

    def verified(self, address: str) -> None:
        """Forget what the address had refused."""
        if self._buckets:
            self._buckets.pop(_network(address), None)

    def _level(self, bucket: tuple[float, float]) -> float:
        level, since = bucket
        return min(_REFUSALS, level + (self._clock() - since) * _FORGIVEN_PER_SECOND)


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return ip_address(address.partition("%")[0]).packed.hex()[:_V6_NETWORK]
    except ValueError:
        return address

"""People whom a proxy has signed in: by its header, from its address, with the secret that it shares with us."""

import hashlib
import hmac
from ipaddress import ip_address, ip_network

from starlette.requests import Request

from nightshift.config.secret import Secret
from nightshift.console.rights import Role
from nightshift.console.sign_in.person import Person
from nightshift.console.sign_in.users_file import UsersFile

SECRET_HEADER = "x-console-secret"  # noqa: S105 - a header's name
_LONGEST_NAME = 200


class ProxySignIn:
    """Reads who it is from a request, if a proxy that is trusted says so."""

    def __init__(
        self, header: str, secret: Secret, trusted: tuple[str, ...], users: UsersFile, default_role: Role
    ) -> None:
        self._header, self._secret, self._users, self._default_role = header, secret, users, default_role
        self._networks = [ip_network(proxy) for proxy in trusted]

    def find(self, request: Request) -> Person | None:
        """Return who it is; None if no trusted proxy says so."""
        said = request.headers.getlist(self._header)
        if len(said) != 1 or not 0 < len(said[0]) <= _LONGEST_NAME or not said[0].isprintable():
            return None
        if not (self._is_proxy(request) and self._knows_secret(request)):
            return None
        name = said[0]
        user = self._users.find(name)
        # Of the secret that all replicas have: a form of one may be sent to another.
        key = b"form token:" + self._secret.reveal().encode()
        token = hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return Person(name, user.role if user else self._default_role, token, can_sign_out=False)

    def _is_proxy(self, request: Request) -> bool:
        try:
            address = ip_address(request.client.host if request.client else "")
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    def _knows_secret(self, request: Request) -> bool:
        said = request.headers.getlist(SECRET_HEADER)
        return len(said) == 1 and hmac.compare_digest(
            said[0].encode("latin-1", "replace"), self._secret.reveal().encode()
        )

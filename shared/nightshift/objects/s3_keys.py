"""The keys that requests to an S3 server are signed with: the secret one may be replaced while the process runs."""

from collections.abc import Callable

from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider

SecretKey = str | Callable[[], str]
"""A key, or a function that returns the present one."""


class Keys(Provider):
    """Says the keys as they are at each request."""

    def __init__(self, access_key: str, secret_key: SecretKey) -> None:
        self._access_key, self._secret_key = access_key, secret_key

    def retrieve(self) -> Credentials:
        """Return both."""
        secret_key = self._secret_key if isinstance(self._secret_key, str) else self._secret_key()
        return Credentials(self._access_key, secret_key)

"""Addresses of an S3 server that carry their own signature; computed, without asking the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from minio import Minio
from minio.signer import presign_v4
from minio.time import utcnow

from nightshift.objects.s3_keys import Keys, SecretKey

_Query = dict[str, str | list[str] | tuple[str]]


@dataclass(slots=True, frozen=True)
class Signer:
    """Signs for one bucket at one address of its server."""

    client: Minio
    keys: Keys
    endpoint: str
    bucket: str
    region: str

    def of_object(self, method: str, key: str, query: Mapping[str, str], lifetime: timedelta) -> str:
        """Return the address of an object, for one method."""
        parameters: _Query = dict(query)
        return self.client.get_presigned_url(method, self.bucket, key, lifetime, extra_query_params=parameters)

    def of_bucket(self, method: str, query: Mapping[str, str], lifetime: timedelta) -> str:
        """Return the address of the bucket itself, for one method."""
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
        signed = presign_v4(
            method=method,
            url=urlsplit(f"{self.endpoint}/{self.bucket}?{text}"),
            region=self.region,
            credentials=self.keys.retrieve(),
            date=utcnow(),
            expires=int(lifetime.total_seconds()),
        )
        return signed.geturl()


def open_signer(endpoint: str, access_key: str, secret_key: SecretKey, *, bucket: str, region: str) -> Signer:
    """Return the signer of a bucket; `endpoint` is `http://host:port` or `https://host`.

    Raises:
        ValueError: the endpoint or the region cannot be one.
    """
    address = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    secure = address.scheme == "https"
    keys = Keys(access_key, secret_key)
    client = Minio(address.netloc, secure=secure, region=region, credentials=keys)
    return Signer(client, keys, f"{address.scheme}://{address.netloc}", bucket, region)

"""The object store: a port, which needs no client, and its implementation for any S3 server in `s3`."""

from nightshift.objects.object_store import (
    ObjectInfo,
    ObjectMissingError,
    ObjectStore,
    ObjectStoreRefusedError,
    ObjectTooLargeError,
)

__all__ = [
    "ObjectInfo",
    "ObjectMissingError",
    "ObjectStore",
    "ObjectStoreRefusedError",
    "ObjectTooLargeError",
]

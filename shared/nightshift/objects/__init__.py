"""The object store: a port, and its implementation for any S3 server."""

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

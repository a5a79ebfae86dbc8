"""The object store: a port, and its implementation for any S3 server."""

from nightshift.objects.object_store import (
    ObjectInfo,
    ObjectMissingError,
    ObjectStore,
    ObjectStoreRefusedError,
    ObjectTooLargeError,
)
from nightshift.objects.s3 import S3ObjectStore, open_objects

__all__ = [
    "ObjectInfo",
    "ObjectMissingError",
    "ObjectStore",
    "ObjectStoreRefusedError",
    "ObjectTooLargeError",
    "S3ObjectStore",
    "open_objects",
]

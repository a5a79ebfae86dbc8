"""The object store: a port, and its implementation for any S3 server."""

from nightshift.objects.object_store import (
    ObjectInfo,
    ObjectMissingError,
    ObjectStore,
    ObjectStoreRefusedError,
    ObjectTooLargeError,
)
from nightshift.objects.object_transfers import (
    ObjectTransfers,
    Part,
    UnfinishedUpload,
    UploadMissingError,
    WrongLengthError,
)

__all__ = [
    "ObjectInfo",
    "ObjectMissingError",
    "ObjectStore",
    "ObjectStoreRefusedError",
    "ObjectTooLargeError",
    "ObjectTransfers",
    "Part",
    "UnfinishedUpload",
    "UploadMissingError",
    "WrongLengthError",
]

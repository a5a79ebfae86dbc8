"""The object store: a port, and its implementation for any S3 server."""

from nightshift.objects.object_store import ObjectInfo, ObjectMissing, ObjectsRefused, ObjectStore, ObjectTooLarge
from nightshift.objects.s3 import S3ObjectStore, open_objects

__all__ = [
    "ObjectInfo",
    "ObjectMissing",
    "ObjectStore",
    "ObjectTooLarge",
    "ObjectsRefused",
    "S3ObjectStore",
    "open_objects",
]

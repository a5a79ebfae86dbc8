"""Opens the object store that the settings name."""

from shared.objects import S3ObjectStore, open_objects
from shared.settings import Settings


def object_store(settings: Settings) -> S3ObjectStore:
    """The store of this process; connects to nothing yet."""
    return open_objects(
        settings.s3_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key.reveal(),
        settings.s3_bucket,
        region=settings.s3_region,
    )

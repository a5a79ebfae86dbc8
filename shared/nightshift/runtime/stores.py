"""Opens the database and the object store that the settings name."""

from typing import TYPE_CHECKING

from nightshift.config.datastore_urls import database_url
from nightshift.config.extras import extra
from nightshift.config.settings import Settings
from nightshift.database import Database, open_database

if TYPE_CHECKING:
    from nightshift.objects.s3 import S3ObjectStore


def database_address(settings: Settings) -> str:
    """The database's address with whom to trust in it, for `migrate`. Secret: it holds the password."""
    return database_url(settings) or ""


def database_of(settings: Settings) -> Database:
    """The database of this process; connects to nothing yet."""
    return open_database(database_address(settings))


def object_store(settings: Settings) -> "S3ObjectStore":
    """The store of this process; connects to nothing yet."""
    with extra("s3", "S3_ENDPOINT"):
        from nightshift.objects.s3 import open_objects  # noqa: PLC0415 - needs an extra
    return open_objects(
        settings.s3_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key.reveal(),
        settings.s3_bucket,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
    )

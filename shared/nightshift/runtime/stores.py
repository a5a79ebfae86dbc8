"""Opens the database and the object store that the settings name."""

from nightshift.config.datastore_urls import database_url
from nightshift.config.settings import Settings
from nightshift.database import Database, open_database
from nightshift.objects import S3ObjectStore, open_objects


def database_address(settings: Settings) -> str:
    """The database's address with whom to trust in it, for `migrate`. Secret: it holds the password."""
    return database_url(settings) or ""


def database_of(settings: Settings) -> Database:
    """The database of this process; connects to nothing yet."""
    return open_database(database_address(settings))


def object_store(settings: Settings) -> S3ObjectStore:
    """The store of this process; connects to nothing yet."""
    return open_objects(
        settings.s3_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key.reveal(),
        settings.s3_bucket,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
    )

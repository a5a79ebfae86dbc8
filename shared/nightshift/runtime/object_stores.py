"""Opens the object store that the settings name, where they name one."""

from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.config.extras import extra
from nightshift.config.settings import Secret, ServerSettings
from nightshift.objects.absent import MISSING, AbsentObjectStore, NoObjectStoreError

if TYPE_CHECKING:
    from nightshift.objects.s3 import S3ObjectStore
    from nightshift.objects.s3_transfers import S3Transfers


def object_store_if_any(settings: ServerSettings) -> "S3ObjectStore | AbsentObjectStore":
    """Return the object store of this process, or one that tells whoever asks that there is none."""
    return AbsentObjectStore() if settings.s3_endpoint is None else object_store(settings)


def object_store(settings: ServerSettings) -> "S3ObjectStore":
    """Return the object store of this process; connects to nothing yet.

    Raises:
        NoObjectStoreError: there is none.
    """
    endpoint, access_key, secret_key = _login(settings)
    with extra("s3", "S3_ENDPOINT"):
        from nightshift.objects.s3 import open_objects  # noqa: PLC0415 - needs an extra
    return open_objects(
        endpoint,
        access_key,
        secret_key.reveal,
        settings.s3_bucket,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
    )


def object_transfers(
    settings: ServerSettings, *, public_endpoint: str | None = None, spool_folder: Path | None = None
) -> "S3Transfers":
    """Return the object transfers of this process; connects to nothing yet.

    `public_endpoint` is the object store's address for clients, `spool_folder` where parts of streams of unknown length
    wait; None: the store's own address, the system's temporary folder.

    Raises:
        NoObjectStoreError: there is no object store.
    """
    endpoint, access_key, secret_key = _login(settings)
    with extra("s3", "S3_ENDPOINT"):
        from nightshift.objects.s3_transfers import open_transfers  # noqa: PLC0415 - needs an extra
    return open_transfers(
        endpoint,
        access_key,
        secret_key.reveal,
        settings.s3_bucket,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
        public_endpoint=public_endpoint,
        spool_folder=spool_folder,
    )


def _login(settings: ServerSettings) -> tuple[str, str, Secret]:
    if settings.s3_endpoint is None or settings.s3_access_key is None or settings.s3_secret_key is None:
        raise NoObjectStoreError(MISSING)
    return settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key


def stored_in(objects: "S3ObjectStore | AbsentObjectStore") -> "S3ObjectStore | None":
    """Return the store for large bodies of jobs, None where there is none."""
    return None if isinstance(objects, AbsentObjectStore) else objects

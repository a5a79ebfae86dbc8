"""The settings of the shipped gateway: those of every gateway, and the limits of files."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift.config.datastore_urls import ENDPOINT
from nightshift.config.settings import OBJECTS
from nightshift.gateway.settings import GatewaySettings


class FileGatewaySettings(GatewaySettings, frozen=True, kw_only=True):
    """Where the gateway listens, what may be enqueued through it, and the limits of requests and files."""

    REQUIRES = OBJECTS

    gateway_uploads: Annotated[int, Meta(ge=1, description="Files that come in at the same time.")] = 100
    gateway_uploads_per_key: Annotated[
        int, Meta(ge=1, description="Of these, files that come in with the same key or token.")
    ] = 16
    gateway_files_per_day: Annotated[
        int | None,
        Meta(ge=0, description="Files that a user may upload in a day (UTC), where the key has no own limit."),
    ] = None
    gateway_bytes_per_day: Annotated[
        int | None,
        Meta(ge=0, description="Bytes that a user may upload in a day (UTC), where the key has no own limit."),
    ] = None
    gateway_upload_hours: Annotated[
        float, Meta(gt=0, le=168, description="How long a direct upload to the object store may take.")
    ] = 24
    gateway_spool_folder: Annotated[
        Path | None,
        Meta(
            description="Folder for 8 MiB of each upload of unknown length; the system's temporary folder if not set."
        ),
    ] = None
    max_file_bytes: Annotated[
        int, Meta(ge=1, description="A larger file is refused; the upload service has a setting of the same name.")
    ] = 512 * 1024 * 1024
    s3_public_endpoint: Annotated[
        str | None,
        ENDPOINT,
        Meta(description="Address of the object store for clients, where it is not that of S3_ENDPOINT."),
    ] = None

"""The settings of the upload service."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift import Settings
from nightshift.config.settings import OBJECTS
from services.upload.inspection import ImageLimits

_MEBIBYTE = 1024 * 1024


class UploadSettings(Settings, frozen=True, kw_only=True):
    """Limits of files, inspections and thumbnails."""

    REQUIRES = OBJECTS

    slots: Annotated[
        int, Meta(ge=1, description="Files that a worker processes at the same time; each may fill MAX_FILE_BYTES.")
    ] = 8
    thumbnail_pixels: Annotated[int, Meta(ge=16, le=2048, description="Longer side of a thumbnail, in pixels.")] = 320
    max_file_bytes: Annotated[int, Meta(ge=1, description="A larger file is refused without downloading it.")] = (
        512 * _MEBIBYTE
    )
    max_image_pixels: Annotated[
        int, Meta(ge=1, description="An image with more pixels (width times height) is refused without decoding it.")
    ] = 105_000_000
    inspect_timeout_seconds: Annotated[
        float, Meta(gt=0, description="An inspection that takes longer is stopped and retried later.")
    ] = 60
    inspect_cpu_seconds: Annotated[
        int, Meta(ge=1, description="A file that takes more processor time to read is refused.")
    ] = 30
    inspect_memory_bytes: Annotated[
        int,
        Meta(
            ge=256 * _MEBIBYTE,
            description="Memory (address space) of one inspection; a file that needs more is refused. "
            "Large pictures use most of it, INSPECT_PROCESSES times.",
        ),
    ] = 1024 * _MEBIBYTE
    inspect_processes: Annotated[
        int, Meta(ge=0, description="Inspections at the same time; 0 is one per processor.")
    ] = 0
    scratch_folder: Annotated[
        Path | None,
        Meta(description="Folder for files while they are processed; the system's temporary folder if not set."),
    ] = None

    def check(self) -> Iterable[str]:
        """Yield settings that contradict each other: the job's timeout must leave room for its inspection."""
        yield from super().check()
        if self.inspect_timeout_seconds >= self.job_timeout_seconds:
            yield "INSPECT_TIMEOUT_SECONDS must be less than JOB_TIMEOUT_SECONDS: the job would be cancelled first"

    @property
    def limits(self) -> ImageLimits:
        """The limits of one inspection."""
        return ImageLimits(
            thumbnail_pixels=self.thumbnail_pixels,
            max_image_pixels=self.max_image_pixels,
            memory_bytes=self.inspect_memory_bytes,
            cpu_seconds=self.inspect_cpu_seconds,
        )

    @property
    def processes(self) -> int:
        """Inspections at the same time."""
        return self.inspect_processes or os.cpu_count() or 1

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self.scratch_folder or Path(tempfile.gettempdir())

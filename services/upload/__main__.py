"""Runs the upload service: `python -m services.upload`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.upload import ProcessUpload
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
from services.upload.handlers import process_upload
from services.upload.settings import UploadSettings
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import open_scratch


@asynccontextmanager
async def handlers(settings: UploadSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Chooses every real dependency of the service's handlers."""
    inspector = SubprocessInspector(
        settings.limits, timeout_seconds=settings.inspect_timeout_seconds, processes=settings.processes
    )
    with open_scratch(settings.scratch) as scratch:
        yield {
            ProcessUpload: partial(
                process_upload,
                database=context.database,
                objects=context.objects,
                inspector=inspector,
                scratch=scratch,
                settings=settings,
            )
        }


if __name__ == "__main__":
    sys.exit(run("upload", UploadSettings, handlers))

"""Run the upload service: `python -m services.upload`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
from services.upload.handlers import upload_routes
from services.upload.settings import UploadSettings
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import open_scratch


@asynccontextmanager
async def handlers(settings: UploadSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Choose the real dependencies of the service's handlers."""
    inspector = SubprocessInspector(
        settings.limits, timeout_seconds=settings.inspect_timeout_seconds, processes=settings.processes
    )
    with open_scratch(settings.scratch) as scratch:
        yield upload_routes(
            database=context.database,
            objects=context.objects,
            inspector=inspector,
            scratch=scratch,
            settings=settings,
        )


if __name__ == "__main__":
    sys.exit(run("upload", UploadSettings, handlers))

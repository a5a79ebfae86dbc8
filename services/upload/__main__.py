"""Run the upload service: `python -m services.upload`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nightshift.observability.log import get_logger
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers
from services.upload.dumpable import forbid_dumps
from services.upload.handlers import upload_routes
from services.upload.inspector.confinement import missing_layers
from services.upload.inspector.fonts import has_fonts
from services.upload.settings import UploadSettings
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import COMPONENT, open_scratch

_log = get_logger("upload")


@asynccontextmanager
async def handlers(settings: UploadSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Choose the real dependencies of the service's handlers."""
    forbid_dumps()
    if missing := missing_layers():
        _log.warning("inspection_exposed", f"Inspections are less confined than they could be: {'; '.join(missing)}")
    if not has_fonts():
        _log.warning(
            "fonts_missing",
            "This machine has no fonts: text of PDFs that do not embed theirs may stay blank in thumbnails; "
            "install fonts-droid-fallback and, for Korean, fonts-unfonts-core",
        )
    inspector = SubprocessInspector(
        settings.limits, timeout_seconds=settings.inspect_timeout_seconds, processes=settings.processes
    )
    with open_scratch(settings.scratch) as scratch:
        context.resources[COMPONENT] = scratch.probe
        yield upload_routes(
            database=context.database,
            objects=context.objects,
            inspector=inspector,
            scratch=scratch,
            settings=settings,
        )


if __name__ == "__main__":
    sys.exit(run("upload", UploadSettings, handlers))

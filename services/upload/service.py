"""The upload service: its handler, and the real dependencies of it."""

from collections.abc import Iterator

from nightshift import Service, ServiceContext
from nightshift.observability.log import get_logger
from services.upload.dumpable import forbid_dumps
from services.upload.handlers import give_up, process_upload
from services.upload.inspection import Inspector
from services.upload.inspector.confinement import missing_layers
from services.upload.inspector.fonts import has_fonts
from services.upload.settings import UploadSettings
from services.upload.subprocess_inspector import SubprocessInspector
from services.upload.temp_files import COMPONENT, Scratch, open_scratch

_log = get_logger("upload")
upload = Service("upload", settings=UploadSettings)
upload.handler(on_dead_letter=give_up)(process_upload)


@upload.resource
def inspector(settings: UploadSettings) -> Inspector:
    """Looks into files, in confined processes."""
    forbid_dumps()
    if missing := missing_layers():
        _log.warning("inspection_exposed", f"Inspections are less confined than they could be: {'; '.join(missing)}")
    if not has_fonts():
        _log.warning(
            "fonts_missing",
            "This machine has no fonts: text of PDFs that do not embed theirs may stay blank in thumbnails; "
            "install fonts-droid-fallback or others",
        )
    return SubprocessInspector(
        settings.limits, timeout_seconds=settings.inspect_timeout_seconds, processes=settings.processes
    )


@upload.resource
def scratch(settings: UploadSettings, context: ServiceContext) -> Iterator[Scratch]:
    """The folder in which files wait for their inspection; while it is full, nothing is pulled."""
    with open_scratch(settings.scratch) as opened:
        context.resources[COMPONENT] = opened.probe
        yield opened

"""The request to an inspection and its result, as worker and child process exchange them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

THUMBNAIL_TYPE = "image/webp"


class UnreadableFileError(Exception):
    """The file is broken, or more than may be decoded; the text says why and is safe to show to the uploader."""


class InspectionInterruptedError(Exception):
    """The inspection did not finish, for a reason that need not be the file's: trying again may help."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds of one inspection."""

    thumbnail_pixels: int
    """Longer side of a thumbnail."""
    max_image_pixels: int
    """Width times height."""
    memory_bytes: int
    """Address space of the child process."""
    cpu_seconds: int
    """Processor time of the child process."""


@dataclass(frozen=True, slots=True)
class Request:
    """One file to inspect; the answer and the thumbnail are written into `folder`."""

    source: Path
    content_type: str
    folder: Path
    limits: ImageLimits

    @property
    def report(self) -> Path:
        """The path of the child's answer."""
        return self.folder / "report.json"

    @property
    def thumbnail(self) -> Path:
        """The path of the thumbnail."""
        return self.folder / "thumbnail.webp"

    def to_json(self) -> str:
        """Return the request as the child's argument."""
        return json.dumps(asdict(self) | {"source": str(self.source), "folder": str(self.folder)})

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Parse the result of `to_json`."""
        fields = json.loads(text)
        return cls(
            Path(fields["source"]), fields["content_type"], Path(fields["folder"]), ImageLimits(**fields["limits"])
        )


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings about a file."""

    metadata: dict[str, Any]
    thumbnail: Path | None = None


class Inspector(Protocol):
    """Inspects an image or a PDF without putting the worker at risk."""

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """Inspect `source`, which is alone in its folder; the thumbnail is written beside it.

        Raises:
            UnreadableFileError: the file cannot be processed, however often it is tried.
            InspectionInterruptedError: this attempt failed.
        """
        ...

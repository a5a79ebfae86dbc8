"""What is asked of an inspection and what it answers: the words between the worker and its child process."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

THUMBNAIL_TYPE = "image/webp"


class UnreadableFileError(Exception):
    """The file is broken, or more than may be decoded; the text says why and is fit for the file's owner."""


class InspectionInterruptedError(Exception):
    """The inspection did not come to an end, for a reason that need not be the file's: trying again may help."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How much an inspection may use and make."""

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
    """One file to look at; the answer and the thumbnail are written into `folder`."""

    source: Path
    content_type: str
    folder: Path
    limits: ImageLimits

    @property
    def report(self) -> Path:
        """Where the child leaves its answer."""
        return self.folder / "report.json"

    @property
    def thumbnail(self) -> Path:
        """Where the child leaves the thumbnail."""
        return self.folder / "thumbnail.webp"

    def to_json(self) -> str:
        """Returns the request as the child's argument."""
        return json.dumps(asdict(self) | {"source": str(self.source), "folder": str(self.folder)})

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Reads what `to_json` wrote."""
        fields = json.loads(text)
        return cls(
            Path(fields["source"]), fields["content_type"], Path(fields["folder"]), ImageLimits(**fields["limits"])
        )


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a file."""

    metadata: dict[str, Any]
    thumbnail: Path | None = None


class Inspector(Protocol):
    """Looks into an image or a PDF without putting the worker at risk."""

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """Looks into `source`, which is alone in its folder; the thumbnail is made beside it.

        Raises:
            UnreadableFileError: the file cannot be worked off, however often it is tried.
            InspectionInterruptedError: this try failed.
        """
        ...

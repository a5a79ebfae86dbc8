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
    """One file to inspect; it is open as the file descriptor `source` of the child."""

    source: int
    content_type: str
    limits: ImageLimits

    def to_json(self) -> str:
        """Return the request as the child's argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Parse the result of `to_json`."""
        fields = json.loads(text)
        return cls(fields["source"], fields["content_type"], ImageLimits(**fields["limits"]))


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings about a file, and its thumbnail as a WebP."""

    metadata: dict[str, Any]
    thumbnail: bytes | None = None


def to_answer(findings: dict[str, Any], thumbnail: bytes | None = None) -> bytes:
    """Return what a child writes to its standard output: its findings in one line of JSON, then the thumbnail."""
    return json.dumps(findings).encode() + b"\n" + (thumbnail or b"")


def from_answer(answer: bytes) -> Inspection:
    """Parse the result of `to_answer`.

    Raises:
        UnreadableFileError: the child has said so.
        ValueError: it is no such answer.
    """
    line, _, thumbnail = answer.partition(b"\n")
    try:
        findings = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(findings, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - as of other malformed answers
    if "unreadable" in findings:
        raise UnreadableFileError(str(findings["unreadable"]))
    if not isinstance(findings.get("metadata"), dict):
        raise ValueError("it has no metadata")  # noqa: TRY004 - as above
    return Inspection(findings["metadata"], thumbnail or None)


class Inspector(Protocol):
    """Inspects an image or a PDF without putting the worker at risk."""

    async def inspect(self, source: Path, content_type: str) -> Inspection:
        """Inspect the file `source`.

        Raises:
            UnreadableFileError: the file cannot be processed, however often it is tried.
            InspectionInterruptedError: this attempt failed.
        """
        ...

"""Read the EXIF data that is kept: camera, time, orientation, and whether there is a location (not which)."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from services.upload.sanitize import clean

_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)


def orientation(image: Image.Image) -> int:
    """Return the orientation, 1 to 8 (EXIF 2.32 §4.6.4 A); 1 where none is given."""
    with suppress(Exception):  # damaged EXIF data does not spoil the picture
        value = image.getexif().get(ExifTags.Base.Orientation)
        if isinstance(value, int) and value in _ORIENTATIONS:
            return value
    return _UPRIGHT


def selection(image: Image.Image) -> dict[str, Any]:
    """Return `camera`, `takenAt` and `hasLocation`, as far as they are known."""
    kept: dict[str, Any] = {}
    base: dict[int, Any] = {}
    details: dict[int, Any] = {}
    with suppress(Exception):  # damaged EXIF data counts as none
        exif = image.getexif()
        base = dict(exif)
        details = exif.get_ifd(ExifTags.IFD.Exif)
    if camera := _camera(base):
        kept["camera"] = camera
    if taken_at := _taken_at(details):
        kept["takenAt"] = taken_at
    kept["hasLocation"] = _has_location(image)
    return kept


def _camera(base: dict[int, Any]) -> str:
    make, model = clean(base.get(ExifTags.Base.Make, "")), clean(base.get(ExifTags.Base.Model, ""))
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _taken_at(details: dict[int, Any]) -> str | None:
    """Return the camera's local time in ISO 8601, with an offset from UTC only where the camera wrote one."""
    taken = clean(details.get(ExifTags.Base.DateTimeOriginal, ""))
    offset = clean(details.get(ExifTags.Base.OffsetTimeOriginal, ""))
    for text, form in ((taken + offset, "%Y:%m:%d %H:%M:%S%z"), (taken, "%Y:%m:%d %H:%M:%S")):
        with suppress(ValueError):
            return datetime.strptime(text, form).isoformat()  # noqa: DTZ007 - the time zone is unknown
    return None


def _has_location(image: Image.Image) -> bool:
    with suppress(Exception):  # damaged EXIF data counts as none
        gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        if ExifTags.GPS.GPSLatitude in gps or ExifTags.GPS.GPSLongitude in gps:
            return True
    xmp = image.info.get("xmp", b"")
    return (b"GPSLatitude" in xmp) if isinstance(xmp, bytes) else ("GPSLatitude" in str(xmp))

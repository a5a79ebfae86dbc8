"""The part of a picture's EXIF data that is kept: camera, time, orientation, and of the place only that it is there."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from services.upload.sanitize import clean

_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)


def orientation(image: Image.Image) -> int:
    """Returns how the picture has to be turned to be upright, 1 to 8 (EXIF 2.32 §4.6.4 A); 1 where nothing is said."""
    with suppress(Exception):  # whatever is wrong with the EXIF data, the picture is still a picture
        value = image.getexif().get(ExifTags.Base.Orientation)
        if isinstance(value, int) and value in _ORIENTATIONS:
            return value
    return _UPRIGHT


def selection(image: Image.Image) -> dict[str, Any]:
    """Returns what is worth keeping: `camera`, `takenAt`, `hasLocation`; where a picture was taken is not read out."""
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
    """The camera's local time in ISO 8601, with its offset from UTC only where the camera wrote one."""
    taken = clean(details.get(ExifTags.Base.DateTimeOriginal, ""))
    offset = clean(details.get(ExifTags.Base.OffsetTimeOriginal, ""))
    for text, form in ((taken + offset, "%Y:%m:%d %H:%M:%S%z"), (taken, "%Y:%m:%d %H:%M:%S")):
        with suppress(ValueError):
            return datetime.strptime(text, form).isoformat()  # noqa: DTZ007 - the zone is unknown, and not made up
    return None


def _has_location(image: Image.Image) -> bool:
    with suppress(Exception):  # damaged EXIF data counts as none
        gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        if ExifTags.GPS.GPSLatitude in gps or ExifTags.GPS.GPSLongitude in gps:
            return True
    xmp = image.info.get("xmp", b"")
    return (b"GPSLatitude" in xmp) if isinstance(xmp, bytes) else ("GPSLatitude" in str(xmp))

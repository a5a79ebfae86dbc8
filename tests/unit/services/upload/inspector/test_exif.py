"""Of a picture's EXIF data, what is useful is kept, and where it was taken is not."""

import io
import json
from typing import Any

import pytest
from PIL import ExifTags, Image

from services.upload.inspector.exif import orientation, selection

Base = ExifTags.Base


def picture(tags: dict[int, Any], details: dict[int, Any] | None = None, gps: dict[int, Any] | None = None) -> bytes:
    """A JPEG with these EXIF tags."""
    exif = Image.Exif()
    exif.update(tags)
    exif.get_ifd(ExifTags.IFD.Exif).update(details or {})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def kept(data: bytes) -> dict[str, Any]:
    """What is selected of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return selection(image)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "D850", "NIKON CORPORATION D850"),
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("", "Holga", "Holga"),
        ("Canon\x00junk\n", "EOS", "Canon junk EOS"),
    ],
)
def test_the_camera_is_named_once(make: str, model: str, camera: str) -> None:
    """Many makers repeat themselves in the model."""
    assert kept(picture({Base.Make: make, Base.Model: model}))["camera"] == camera


@pytest.mark.parametrize(
    ("taken", "offset", "text"),
    [
        ("2024:06:01 12:34:56", "+02:00", "2024-06-01T12:34:56+02:00"),
        ("2024:06:01 12:34:56", "", "2024-06-01T12:34:56"),
        ("2024:06:01 12:34:56", "somewhere", "2024-06-01T12:34:56"),
        ("0000:00:00 00:00:00", "", None),
        ("yesterday", "", None),
    ],
)
def test_the_time_of_taking_has_a_zone_only_if_the_camera_wrote_one(taken: str, offset: str, text: str | None) -> None:
    """ISO 8601; a time that is none is left out."""
    data = picture({}, {Base.DateTimeOriginal: taken, Base.OffsetTimeOriginal: offset})
    assert kept(data).get("takenAt") == text


def test_of_a_place_only_its_presence_is_kept() -> None:
    """Where somebody was is nobody's business but theirs: a flag, and no coordinate."""
    data = picture(
        {Base.Model: "X"}, gps={ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (51.0, 28.0, 40.0)}
    )
    assert kept(data) == {"camera": "X", "hasLocation": True}


def test_a_picture_without_exif_data_has_no_location() -> None:
    """Nothing is made up."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    assert kept(buffer.getvalue()) == {"hasLocation": False}


def test_a_place_in_xmp_counts_too() -> None:
    """Editors write the location there."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", xmp=b"<x exif:GPSLatitude='51,28.6N'/>")
    assert kept(buffer.getvalue())["hasLocation"] is True


@pytest.mark.filterwarnings("ignore")  # Pillow remarks on the damage
def test_damaged_exif_data_counts_as_none() -> None:
    """A picture whose EXIF block is nonsense is still a picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + b"\xfe" * 50)
    with Image.open(buffer) as image:
        assert orientation(image) == 1
        assert selection(image) == {"hasLocation": False}


def test_the_selection_is_json() -> None:
    """It goes into a JSON column."""
    data = picture({Base.Make: "Ünï\ud83d", Base.Model: 17}, {Base.DateTimeOriginal: b"\xff\x00"})
    json.dumps(kept(data)).encode()

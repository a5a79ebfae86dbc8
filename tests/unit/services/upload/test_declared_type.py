"""The bytes win over what the uploader said, and the difference is noted."""

from typing import Any

import pytest

from services.upload.declared_type import compare_types
from services.upload.repository import File


def file(name: str, claimed: str | None = None, metadata: dict[str, Any] | None = None) -> File:
    """A row with this name and claim."""
    return File("f", "u", "uploads/f", name, claimed, metadata)


@pytest.mark.parametrize(
    ("name", "claimed", "real", "note"),
    [
        ("a.png", "image/png", "image/png", {}),
        ("a.png", None, "image/png", {}),
        ("a", None, "image/png", {}),
        ("a.jpg", "image/jpeg", "image/png", {"claimedType": "image/jpeg", "mislabelled": True}),
        ("a.jpg", None, "image/png", {"claimedType": "image/jpeg", "mislabelled": True}),
        ("a.jpg", "image/png", "image/png", {}),
        ("a.jpg", "application/octet-stream", "image/png", {"claimedType": "image/jpeg", "mislabelled": True}),
        ("a.png", "IMAGE/PNG; q=1", "image/png", {}),
        ("a.png", "image/png", "application/octet-stream", {"claimedType": "image/png", "mislabelled": True}),
        ("a.csv", "text/csv", "text/plain", {"claimedType": "text/csv"}),
    ],
)
def test_a_claim_is_noted_where_it_differs(name: str, claimed: str | None, real: str, note: dict[str, Any]) -> None:
    """`mislabelled` only where the bytes leave no doubt: plain text may well be a table."""
    assert compare_types(file(name, claimed), real) == note


@pytest.mark.parametrize(
    ("claimed", "real"),
    [
        ("image/jpg", "image/jpeg"),
        ("image/pjpeg", "image/jpeg"),
        ("image/x-png", "image/png"),
        ("image/tif", "image/tiff"),
        ("image/x-ms-bmp", "image/bmp"),
        ("image/x-icon", "image/vnd.microsoft.icon"),
        ("image/heif", "image/heic"),
        ("application/x-pdf", "application/pdf"),
        ("application/acrobat", "application/pdf"),
        ("application/x-zip-compressed", "application/zip"),
        ("audio/mp3", "audio/mpeg"),
        ("audio/x-wav", "audio/wav"),
        (" Image/JPG ; charset=binary", "image/jpeg"),
        ("binary/octet-stream", "image/jpeg"),
        ("application/force-download", "application/pdf"),
        ("application/x-download", "image/png"),
        ("unknown/unknown", "image/png"),
        ("image/*", "image/png"),
        ("jpeg", "image/jpeg"),
        ("", "image/jpeg"),
    ],
)
def test_another_name_for_the_type_is_no_false_claim(claimed: str, real: str) -> None:
    """Browsers, storages and scripts write what they always wrote, or that they have no idea."""
    assert compare_types(file("a", claimed), real) == {}


def test_the_first_claim_is_remembered() -> None:
    """Worked off again, the row has the real type, and the note stays."""
    earlier = {"claimedType": "image/jpeg", "mislabelled": True}
    assert compare_types(file("a", "image/png", earlier), "image/png") == earlier

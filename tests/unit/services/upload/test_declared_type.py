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


def test_the_first_claim_is_remembered() -> None:
    """Worked off again, the row has the real type, and the note stays."""
    earlier = {"claimedType": "image/jpeg", "mislabelled": True}
    assert compare_types(file("a", "image/png", earlier), "image/png") == earlier

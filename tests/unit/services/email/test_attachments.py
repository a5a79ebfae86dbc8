"""Attachments come from the object store, within a bound."""

import pytest

from contracts.email import Attachment
from nightshift.outcomes import Permanent, Unavailable
from nightshift.testing import FakeObjectStore
from services.email.attachments import AttachmentMissingError, fetch, media_type
from services.email.mailer import File


@pytest.fixture
async def objects() -> FakeObjectStore:
    """A store with two small objects."""
    store = FakeObjectStore()
    await store.put("reports/1.pdf", b"%PDF", "application/pdf")
    await store.put("reports/2.txt", b"two", "text/plain; charset=utf-8")
    return store


ONE = Attachment(key="reports/1.pdf", file_name="One.pdf")
TWO = Attachment(key="reports/2.txt", file_name="Two.txt")


async def test_attachments_come_with_name_type_and_bytes(objects: FakeObjectStore) -> None:
    """In the order of the message."""
    assert await fetch(objects, [TWO, ONE], limit_bytes=7) == [
        File("Two.txt", "text/plain", b"two"),
        File("One.pdf", "application/pdf", b"%PDF"),
    ]


async def test_the_bound_holds_for_all_together(objects: FakeObjectStore) -> None:
    """Seven bytes are too many for six, and the reason says how large and what to do."""
    with pytest.raises(Permanent, match=r"7 bytes together, at most 6 .*MAIL_ATTACHMENT_BYTES"):
        await fetch(objects, [ONE, TWO], limit_bytes=6)


async def test_a_missing_object_is_a_failed_attempt(objects: FakeObjectStore) -> None:
    """It may still be on its way there: an ordinary failure that names the key, not a dead letter at once."""
    with pytest.raises(AttachmentMissingError, match=r"'reports/9\.pdf'"):
        await fetch(objects, [ONE, Attachment(key="reports/9.pdf", file_name="9.pdf")], limit_bytes=100)


async def test_an_outage_of_the_store_is_no_attempt(objects: FakeObjectStore) -> None:
    """The chassis knows what to do where our own infrastructure is away."""
    objects.unavailable = "gone"
    with pytest.raises(Unavailable):
        await fetch(objects, [ONE], limit_bytes=100)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/Plain; charset=utf-8", "text/plain"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("text/plain\r\nBcc: x@example.com", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed; boundary=x", "application/octet-stream"),
    ],
)
def test_a_stored_type_that_is_none_becomes_plain_bytes(content_type: str, expected: str) -> None:
    """Anybody may have stored anything as the type; what a mail program would take apart stays closed."""
    assert media_type(content_type) == expected

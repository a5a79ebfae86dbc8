"""The folder of received messages."""

from pathlib import Path

import pytest

from nightshift.embedded.servers.mailbox import Mailbox, messages, slug


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Your weekly report", "your-weekly-report"),
        ("Grüße aus Köln!", "grusse-aus-koln"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 500, "x" * 48),
        ("日本", "no-subject"),
        ("", "no-subject"),
    ],
)
def test_a_subject_becomes_a_safe_file_name(subject: str, expected: str) -> None:
    """Whatever a subject holds, its file name is short and stays in the folder."""
    assert slug(subject) == expected


def test_messages_are_numbered_in_order_of_arrival(tmp_path: Path) -> None:
    """Files sort by arrival, also beyond four digits, and nothing unfinished lies beside them."""
    (tmp_path / "9999-earlier.eml").touch()
    mailbox = Mailbox(tmp_path)
    for subject in (b"one", b"two"):
        mailbox.store(b"Subject: " + subject + b"\r\n\r\n", "a@example.com", ["b@example.com"])
    assert [file.name for file in messages(tmp_path)] == ["9999-earlier.eml", "10000-one.eml", "10001-two.eml"]
    assert sum(1 for _ in tmp_path.iterdir()) == 3


def test_a_message_keeps_its_bytes_and_names_its_envelope(tmp_path: Path) -> None:
    """The stored file is the envelope and then exactly what was transmitted, so it also names those in bcc."""
    content = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n\xff\x00 bytes\r\n"
    file = Mailbox(tmp_path).store(content, "a@example.com", ["b@example.com", "hidden@example.com"])
    envelope = b"X-Envelope-From: a@example.com\r\nX-Envelope-To: b@example.com, hidden@example.com\r\n"
    assert file.name == "0001-grusse.eml"
    assert file.read_bytes() == envelope + content


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"Subject: =?x?q?\xff?=\r\nFrom: <<>\r\n\r\n", b"no header"])
def test_a_message_that_is_no_mail_is_kept_all_the_same(tmp_path: Path, content: bytes) -> None:
    """Odd bytes never make the catcher lose a message."""
    assert Mailbox(tmp_path).store(content, "", []).read_bytes().endswith(content)


def test_a_folder_that_somebody_has_removed_is_made_anew(tmp_path: Path) -> None:
    """Who clears everything away while the stack runs loses what was there, and nothing that comes."""
    mailbox = Mailbox(tmp_path / "mail")
    mailbox.folder.rmdir()
    assert mailbox.store(b"Subject: new\r\n\r\n", "a@example.com", ["b@example.com"]).exists()

"""A folder of received messages, one .eml file each, numbered in the order of arrival."""

import email
import email.policy
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_SLUG_CHARACTERS = 48


class Mailbox:
    """Writes messages into `folder`; readers see only complete ones.

    One process at a time may write into a folder. Numbers go on from what the folder already holds.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._last = max((_number(file) for file in folder.glob("*.eml")), default=0)

    def store(self, content: bytes, sender: str, recipients: Sequence[str]) -> Path:
        """Write one message as `NNNN-<subject>.eml` and return its path.

        The envelope goes in front as `X-Envelope-From` and `X-Envelope-To`: it also names those in bcc.

        Raises:
            OSError: it cannot be written; nothing is left of it.
        """
        self._last += 1
        file = self.folder / f"{self._last:04}-{slug(_subject(content))}.eml"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        unfinished = file.with_name(f".{file.name}.part")
        self.folder.mkdir(parents=True, exist_ok=True)  # somebody may have cleared everything away
        try:
            unfinished.write_bytes(envelope.encode() + content)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        os.replace(unfinished, file)  # noqa: PTH105 - says that it is atomic
        return file


def messages(folder: Path) -> list[Path]:
    """Return the messages in a folder in order of arrival; none if there is no such folder."""
    return sorted(folder.glob("*.eml"), key=_number)


def slug(subject: str) -> str:
    """Turn a subject into a short file name of lower-case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", subject.casefold()).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_SLUG_CHARACTERS].strip("-") or "no-subject"


def _subject(content: bytes) -> str:
    try:
        return str(email.message_from_bytes(content, policy=email.policy.default)["Subject"] or "")
    except Exception:  # noqa: BLE001 - the parser fails in many ways on odd headers; the message is kept all the same
        return ""


def _number(file: Path) -> int:
    digits = file.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0

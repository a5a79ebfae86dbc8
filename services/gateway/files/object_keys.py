"""Where the object of an uploaded file is: a key made from ids alone, never from what the sender calls the file."""

from hashlib import sha256
from urllib.parse import quote

PREFIX = "uploads/"
_LONGEST_FOLDER = 200


def object_key(user: str, file_id: str) -> str:
    """Return the key of a file's object; a user's id may be any text, a segment of a key may not."""
    folder = quote(user, safe="").replace(".", "%2E")
    if len(folder) > _LONGEST_FOLDER:
        folder = sha256(user.encode()).hexdigest()
    return f"{PREFIX}{folder}/{file_id}"

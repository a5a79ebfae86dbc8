"""The ids of jobs that come in over HTTP.

An `Idempotency-Key` is the id of the work. Whoever acts for a user has a room of their own for ids: every id of theirs
begins with the user, so that nobody takes, sees or cancels another user's job by its name.
"""

import re
from urllib.parse import quote

from nightshift.gateway.problems import Problem
from nightshift.messaging.publish_arguments import new_job_id

LONGEST = 200
CHARACTERS = "letters, digits, and . _ ~ -"
_USER = "user:"
_ID = re.compile(rf"[A-Za-z0-9._~-]{{1,{LONGEST}}}")
"""No colon, slash or @: ids that the product makes up itself (follow-up jobs, copies, events, users') have one."""
_BATCH = "batch"
"""What would be found at the path of batches."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def key_in(header: str | None) -> str | None:
    """Return the key of an `Idempotency-Key`, which may be bare or a quoted string (RFC 8941); None without one.

    Raises:
        Problem: `invalid-id`.
    """
    if header is None:
        return None
    text = header.strip()
    quoted = _QUOTED.fullmatch(text)
    return checked(re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text)


def checked(text: str, pointer: str = "") -> str:
    """Return an id that a client may choose.

    Raises:
        Problem: `invalid-id`; it names the place, where there is one.
    """
    if not _ID.fullmatch(text) or text == _BATCH:
        where = f"At {pointer}: expected" if pointer else "Expected"
        raise Problem("invalid-id", f"{where} 1 to {LONGEST} characters: {CHARACTERS}.")
    return text


def full_id(chosen: str | None, user: str | None) -> str:
    """Return the job's id for a chosen one, or a new one where nothing was chosen."""
    return _room(user) + (chosen or new_job_id())


def in_reach(job_id: str, user: str | None) -> str:
    """Return an id that is asked for, if whoever asks may: the application any, a user only those of their own room.

    Raises:
        Problem: `forbidden`.
    """
    if not job_id.startswith(_room(user)):
        raise Problem("forbidden", "This is not a job of this user.")
    return job_id


def _room(user: str | None) -> str:
    return "" if user is None else f"{_USER}{quote(user, safe='')}:"

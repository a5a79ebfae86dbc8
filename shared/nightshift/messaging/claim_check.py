"""Claim check: a body too long for a message is stored as an object, and the message says which."""

import hashlib
import re
from datetime import UTC, date, datetime

from nightshift.contract.wire import CLAIM_LIFETIME
from nightshift.objects import ObjectMissingError, ObjectStore, ObjectTooLargeError
from nightshift.objects.absent import MISSING, NoObjectStoreError
from nightshift.outcomes import Permanent

MAX_CLAIM_BYTES = 64 * 1024 * 1024
"""A body is decoded in memory, once for each job in hand."""
_KEY = re.compile(r"claims/(\d{4}-\d{2}-\d{2})/([0-9a-f]{64})")
_TYPE = "application/json"


class InvalidClaimError(Exception):
    """The header names no claim check, or the object is not what it says."""


def key_for(body: bytes, runs_at: datetime) -> str:
    """The object's key: `claims/<run time + 45 days>/<sha256>`; a date that has passed may be removed."""
    return f"claims/{expiry(runs_at)}/{hashlib.sha256(body).hexdigest()}"


def expiry(runs_at: datetime) -> date:
    """The first day on which nobody can ask for the body of a job that runs then."""
    return (runs_at.astimezone(UTC) + CLAIM_LIFETIME).date()


async def put(objects: ObjectStore, body: bytes, runs_at: datetime) -> str:
    """Stores a body and returns its key; the same body on the same day is the same object."""
    if len(body) > MAX_CLAIM_BYTES:
        raise Permanent(f"the body has {len(body)} bytes; at most {MAX_CLAIM_BYTES} can be a job's body")
    key = key_for(body, runs_at)
    await objects.put(key, body, _TYPE)
    return key


async def fetch(objects: ObjectStore, key: str) -> bytes:
    """Reads the body that a message's `Job-Claim` names.

    Raises:
        InvalidClaimError: the key is of another form, or the object is missing, too large, or has another hash.
        Unavailable: the object store is away.
    """
    _, digest = _parse(key)
    try:
        body = await objects.read(key, limit=MAX_CLAIM_BYTES)
    except ObjectMissingError:
        raise InvalidClaimError(f"Job-Claim names the object {key}, which does not exist") from None
    except NoObjectStoreError:
        raise InvalidClaimError(f"Job-Claim names the object {key}, and {MISSING}") from None
    except ObjectTooLargeError:
        raise InvalidClaimError(
            f"Job-Claim names the object {key}, which is longer than {MAX_CLAIM_BYTES} bytes"
        ) from None
    if hashlib.sha256(body).hexdigest() != digest:
        raise InvalidClaimError(f"Job-Claim names the object {key}, whose content has another SHA-256")
    return body


async def renew(objects: ObjectStore, key: str, runs_at: datetime) -> str:
    """Makes a claim outlive a later run: stored anew when its date is nearer than that; returns the key to use.

    Raises:
        InvalidClaimError: as `fetch`.
        Unavailable: the object store is away.
    """
    until, _ = _parse(key)
    if until >= expiry(runs_at):
        return key
    return await put(objects, await fetch(objects, key), runs_at)


def kept_until(key: str) -> date:
    """Return the first day on which the body of a claim may be gone.

    Raises:
        InvalidClaimError: the key is of another form.
    """
    return _parse(key)[0]


def _parse(key: str) -> tuple[date, str]:
    match = _KEY.fullmatch(key)
    try:
        if match is not None:
            return date.fromisoformat(match[1]), match[2]
    except ValueError:
        pass
    raise InvalidClaimError(f"Job-Claim is {key[:100]!r}, expected claims/<date>/<sha256>")

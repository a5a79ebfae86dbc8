"""Quotas: how many files, and bytes, a user may upload in a day (UTC)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from nightshift.gateway.auth.principal import Limits
from nightshift.gateway.problems import Problem
from services.gateway.files.repository import lock_user, used_since
from services.gateway.settings import FileGatewaySettings


@dataclass(slots=True, frozen=True)
class Quota:
    """What a user may upload in a day; None: as much as they like."""

    files: int | None
    size: int | None

    def check(self, connection: Connection, user: str, size: int | None, now: datetime) -> int | None:
        """Return how many bytes the user may still upload today, with a file of this size (None: unknown) begun.

        Raises:
            Problem: `quota-exceeded`.
        """
        if self.files is None and self.size is None:
            return None
        lock_user(connection, user)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        count, used = used_since(connection, user, midnight)
        if self.files is not None and count >= self.files:
            raise _used_up(f"{self.files} files a day", midnight, now)
        if self.size is None:
            return None
        if used + (size or 1) > self.size:
            raise _used_up(f"{self.size} bytes a day", midnight, now)
        return self.size - used


def quota_of(limits: Limits, settings: FileGatewaySettings) -> Quota:
    """Return the quota of a key: its own, or the gateway's default."""
    own_files, own_size = limits.files_per_day, limits.bytes_per_day
    return Quota(
        settings.gateway_files_per_day if own_files is None else own_files,
        settings.gateway_bytes_per_day if own_size is None else own_size,
    )


def _used_up(what: str, midnight: datetime, now: datetime) -> Problem:
    tomorrow = midnight + timedelta(days=1)
    return Problem("quota-exceeded", f"The quota is {what}.", retry_after=(tomorrow - now).total_seconds())

"""The bounds of a connection, and the two meters that tell when a client has gone beyond them."""

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class ConnectionLimits:
    """The bounds of a connection; times in seconds."""

    connections: int = 1000
    """At the same time, of all clients together."""
    head_bytes: int = 32 * 1024
    head_fields: int = 100
    head_seconds: float = 10.0
    first_byte_seconds: float = 10.0
    window_seconds: float = 30.0
    """Over so long the pace of a body is measured."""
    body_bytes_per_second: float = 1024.0
    stalled_answer_seconds: float = 60.0
    """A client that reads nothing of its answer for so long is cut off."""
    linger_bytes: int = 1024 * 1024
    linger_seconds: float = 2.0
    """What comes in after an early answer is dropped, up to so much and for so long."""


DEFAULT_LIMITS = ConnectionLimits()


class HeadMeter:
    """The head that is coming in, or that is awaited: since when, how long it is."""

    __slots__ = ("_fields", "_limits", "_size", "begun", "since")

    def __init__(self, limits: ConnectionLimits, now: float) -> None:
        self._limits = limits
        self.since: float | None = now
        """None while no head is awaited: the connection is idle, or a request is being worked on."""
        self.begun = False
        self._size = self._fields = 0

    def await_one(self, now: float) -> None:
        """Note that a head should come, if none was awaited yet."""
        if self.since is None:
            self.since = now

    def begin(self, now: float) -> None:
        """Note that a head begins."""
        self.await_one(now)
        self.begun, self._size, self._fields = True, 0, 0

    def end(self) -> None:
        """Note that it is complete."""
        self.since, self.begun = None, False

    def grew(self, size: int, fields: int = 0) -> bool:
        """Count bytes and fields; return whether they are still within the bounds."""
        self._size += size
        self._fields += fields
        return self._size <= self._limits.head_bytes and self._fields <= self._limits.head_fields

    def is_late(self, now: float) -> bool:
        """Return whether it should have been complete by now."""
        return self.since is not None and now - self.since > self._limits.head_seconds


class BodyMeter:
    """The body that is coming in, if there is one: how fast it comes."""

    __slots__ = ("_any", "_limits", "_since", "_size", "expected")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self.expected = False
        """Whether some of it is still to come."""
        self._any, self._since, self._size = False, 0.0, 0

    def begin(self, now: float) -> None:
        """Note that a body should come."""
        self.expected, self._any, self._since, self._size = True, False, now, 0

    def grew(self, size: int) -> None:
        """Count bytes that have come."""
        self._any = True
        self._size += size

    def end(self) -> None:
        """Note that it is complete."""
        self.expected = False

    def pause(self, now: float) -> None:
        """Begin to measure anew: until now it was we who did not read."""
        self._since, self._size = now, 0

    def is_late(self, now: float) -> bool:
        """Return whether it has not begun in time, or was too slow over the last window."""
        waited, limits = now - self._since, self._limits
        if not self._any:
            return waited > limits.first_byte_seconds
        if waited < limits.window_seconds:
            return False
        slow = self._size < limits.body_bytes_per_second * waited
        self.pause(now)
        return slow

"""The sign of life of a background loop."""

from nightshift.heartbeat import Heartbeat


def test_silence_counts_only_against_a_promise() -> None:
    """A loop that waits for work promises nothing; one that works says by when it will be back."""
    now = 0.0
    heartbeat = Heartbeat(lambda: now)
    now = 1e6
    assert heartbeat.silence() is None
    heartbeat.beat(10)
    now += 10
    assert heartbeat.silence() is None
    now += 2
    assert heartbeat.silence() == 12
    heartbeat.beat(10)
    assert heartbeat.silence() is None
    heartbeat.beat()
    now += 1e6
    assert heartbeat.silence() is None

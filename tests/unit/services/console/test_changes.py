"""What has changed, told to every browser that follows."""

import asyncio

from nightshift.console.figures.changes import EVERYTHING, Changes
from tests.harness import eventually


async def test_a_slow_follower_finds_each_topic_once_and_no_backlog() -> None:
    """However often it was told meanwhile."""
    changes = Changes()
    with changes.following(changes.version) as follower:
        for _ in range(1_000):
            changes.tell("queues", "queue.email")
        version = changes.version
        await eventually(lambda: changes.version > version, what="it is told")
        changes.tell("workers")
        version = changes.version
        await eventually(lambda: changes.version > version, what="it is told")
        assert await follower.next(1) == ["queue.email", "queues", "workers"]
        assert await follower.next(0) == []


async def test_who_comes_back_hears_what_it_has_missed() -> None:
    """And everything, if that was told by another process, or in another time."""
    changes = Changes()
    seen = changes.version
    changes.tell("queues")
    await eventually(lambda: changes.version > seen, what="it is told")
    assert changes.since(seen) == ["queues"]
    assert changes.since(changes.version) == []
    assert changes.since(seen - 1_000) == [EVERYTHING]
    assert changes.since(changes.version + 1) == [EVERYTHING]
    with changes.following(seen) as follower:
        assert await follower.next(1) == ["queues"]


async def test_all_who_follow_are_told() -> None:
    """Whoever has left is not."""
    changes = Changes()
    with changes.following(changes.version) as first:
        with changes.following(changes.version) as second:
            assert changes.followers == 2
            waiting = [asyncio.ensure_future(one.next(5)) for one in (first, second)]
            changes.tell("letters")
            assert await asyncio.gather(*waiting) == [["letters"], ["letters"]]
        assert changes.followers == 1


async def test_the_end_wakes_up_whoever_waits() -> None:
    """With nothing that has changed."""
    changes = Changes()
    with changes.following(changes.version) as follower:
        waiting = asyncio.ensure_future(follower.next(60))
        await asyncio.sleep(0)
        changes.close()
        assert await waiting == []
        assert changes.are_over
        changes.tell("queues")
        assert await follower.next(0) == []

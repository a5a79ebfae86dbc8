"""huey on Redis."""

from huey import RedisHuey

from bench.peers.counting import QUEUE, REDIS_PORT, publish_sync, tick

huey = RedisHuey(QUEUE, host="127.0.0.1", port=REDIS_PORT, db=4, results=False)


@huey.task(name="bench_job")
def job(text: str) -> None:
    """Counts."""
    tick(text)


def main() -> None:
    """Publishes."""
    publish_sync(job)

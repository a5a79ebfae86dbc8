"""Dramatiq on Redis."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.counting import QUEUE, REDIS_PORT, publish_sync, tick

broker = RedisBroker(host="127.0.0.1", port=REDIS_PORT, db=1)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=QUEUE, actor_name="bench_job")
def job(text: str) -> None:
    """Counts."""
    tick(text)


def main() -> None:
    """Publishes."""
    publish_sync(job.send)

"""Celery on Redis."""

from celery import Celery

from bench.peers.counting import QUEUE, REDIS_PORT, publish_sync, tick

app = Celery("bench", broker=f"redis://127.0.0.1:{REDIS_PORT}/0")
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_prefetch_multiplier=100,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.job")
def job(text: str) -> None:
    """Counts."""
    tick(text)


def main() -> None:
    """Publishes."""
    publish_sync(job.delay)

"""procrastinate on PostgreSQL."""

import asyncio

from procrastinate import App, PsycopgConnector

from bench.peers.counting import POSTGRES_URL, QUEUE, publish_async, tick

app = App(connector=PsycopgConnector(conninfo=POSTGRES_URL))


@app.task(queue=QUEUE, name="bench_job")
async def job(text: str) -> None:
    """Counts."""
    tick(text)


async def preload() -> None:
    """Creates the schema where it is missing, and publishes the jobs."""
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await publish_async(lambda text: job.defer_async(text=text), together=20)


def main() -> None:
    """Publishes."""
    asyncio.run(preload())

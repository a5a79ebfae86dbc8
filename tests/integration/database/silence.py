"""Something between a client and a server that can fall silent, as a network does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Silence:
    """Forwards a port of its own to `host` and `port`, until `silent` is set."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.silent = False
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection and forward it in both directions."""
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        for source, target in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(self._forward(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                if not self.silent:
                    target.write(data)
                    await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()

    async def stop(self) -> None:
        """Ends all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def silence_before(host: str, port: int) -> AsyncIterator[Silence]:
    """Run one on a free loopback port."""
    between = Silence(host, port)
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        await between.stop()

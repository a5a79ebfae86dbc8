"""The shipped gateway: the library's, with the files of users."""

import asyncio

from nightshift.gateway import service
from nightshift.gateway.area import Gateway
from nightshift.gateway.settings import GatewaySettings
from nightshift.runtime.supervisor import Supervisor
from services.gateway.files.routes import operations
from services.gateway.keys import KEYS
from services.gateway.settings import FileGatewaySettings

GATEWAY = Gateway(FileGatewaySettings, KEYS, (operations,))


def main() -> int:
    """Run from the command line until SIGTERM or Ctrl-C; return the exit code."""
    return service.run(GATEWAY, "python -m services.gateway")


async def serve(settings: GatewaySettings, stop: asyncio.Event, *, supervision: type[Supervisor] = Supervisor) -> int:
    """Answer requests until `stop` is set; return the exit code, 1 if something has failed."""
    return await service.serve(settings, stop, GATEWAY, supervision=supervision)

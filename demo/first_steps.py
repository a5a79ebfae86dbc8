"""What the stack of `make up` begins with, and what to type first: an API key, and providers that may send webhooks.

python -m demo.first_steps var/up
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.first_key import first_key
from demo.sources import EVENTS, write_sources
from demo.uploads import SAMPLES
from nightshift.config.project import Project
from nightshift.config.settings import ServerSettings, load
from nightshift.embedded.banner import command_line
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.runtime.composition import database_of

_PROJECT = SAMPLES.parents[1]


async def _key_file(folder: Path) -> Path:
    database = database_of(load(ServerSettings, os.environ))
    try:
        return await first_key(database, folder)
    finally:
        await database.close()


def _upload(key: str, gateway: str) -> str:
    picture = SAMPLES.relative_to(_PROJECT) / "chelsea.jpg"
    return f'curl -H "Authorization: Bearer {key}" -F file=@{picture} {gateway}/v1/files'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line, with the settings of the stack in the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.first_steps",
        description="Makes an API key, with its user, and a file of webhook sources for the stack of make up, once.",
        epilog="example: nightshift up --prepare demo.first_steps",
    )
    parser.add_argument("folder", type=Path, help="folder of the stack's state")
    folder = parser.parse_args(arguments).folder
    key = asyncio.run(_key_file(folder))
    sources = write_sources(folder.absolute())
    print(f"Upload a file over HTTP (the key is in {key}):")
    print("  " + _upload(key.read_text(encoding="utf-8"), f"http://{LOOPBACK}:{os.environ['GATEWAY_PORT']}"))
    print(f"Play a provider that sends a webhook (the sources are in {sources}):")
    print(f"  {command_line(Project())} webhooks send stripe {EVENTS.relative_to(_PROJECT)}/checkout.json --new-id")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Encrypt the credentials of all linked accounts with the newest key: `python -m services.sync.seal_accounts`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from nightshift import Unavailable
from nightshift.config.settings import SettingsError, load
from nightshift.database import Database
from nightshift.observability.standard_output import say
from nightshift.runtime.composition import database_of
from schema.account_keys import AccountKeys, NoKeyError
from services.sync.credentials import seal_all
from services.sync.settings import SyncSettings


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run from the command line; return 1 if some cannot be opened or the database is away, 2 for wrong settings."""
    parser = argparse.ArgumentParser(
        prog="python -m services.sync.seal_accounts",
        description="Encrypts the credentials of all linked accounts with the newest of ACCOUNT_KEYS: after an upgrade "
        "from a release that stored them readable, and before an old key is removed. Can be repeated.",
        epilog="example: docker compose run --rm --no-deps sync services.sync.seal_accounts",
    )
    parser.parse_args(arguments)
    try:
        settings = load(SyncSettings, os.environ if environ is None else environ)
        sealed, problems = asyncio.run(_seal(database_of(settings), settings.keys))
    except (SettingsError, NoKeyError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    except Unavailable as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    say(f"{sealed} accounts' credentials were encrypted with the newest key")
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - a command's output
    return 1 if problems else 0


async def _seal(database: Database, keys: AccountKeys) -> tuple[int, list[str]]:
    try:
        return await seal_all(database, keys)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())

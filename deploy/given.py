"""Secrets that servers of one's own gave: copied from a folder into those of the containers, whenever they are new.

`email/s3-secret-key` in the folder goes to the container `email`, as `/run/credentials/s3-secret-key`.
"""

from collections.abc import Collection
from pathlib import Path

from nightshift.credentials.vault import Vault


class GivenError(Exception):
    """The folder cannot be used; the text says what is wrong with it."""


def take(vault: Vault, folder: Path, holders: Collection[str]) -> list[str]:
    """Copy every secret that is new or has changed; return their names, `holder/file`.

    Raises:
        GivenError: the folder has one for a container that does not exist, or an empty one, or cannot be read.
    """
    try:
        found = {f"{file.parent.name}/{file.name}": file for file in sorted(folder.glob("*/[!.]*")) if file.is_file()}
        texts = {name: file.read_text(encoding="utf-8").strip() for name, file in found.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise GivenError(f"{folder} cannot be read: {error} (user 10001 of the container has to)") from None
    for name, text in texts.items():
        if name.partition("/")[0] not in holders:
            raise GivenError(f"{folder}/{name}: no container has that name; there are {', '.join(sorted(holders))}")
        if not text:
            raise GivenError(f"{folder}/{name} is empty")
    new = [name for name, text in texts.items() if vault.text(name) != text]
    for name in new:
        vault.write(name, texts[name])
    return new

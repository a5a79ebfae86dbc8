"""What a service says that it does with tables and with folders of the object store, in words, and what they mean."""

import re
from collections.abc import Iterator, Mapping

_PRIVILEGE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\s*(?:\(([^()]*)\))?\s*(?:,|\Z)")
_FOLDER = re.compile(r"(?:[A-Za-z0-9_.=-]+/)+")
FOLDER_ACTIONS = ("read", "write", "list")
ROLE_PREFIX = "nightshift"
"""What the names of the database's roles begin with, unless a setting says something else."""
CLAIMS = "claims/"
"""The folder of the bodies of jobs that are too long for a message, which every worker may use."""


def parse_privileges(table: str, words: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each action on a table with its columns; without any it is the whole table's.

    Raises:
        ValueError: the words are no list of privileges.
    """
    place = 0
    while place < len(words):
        match = _PRIVILEGE.match(words, place)
        if match is None:
            raise ValueError(
                f"the access to {table} is {words!r}: write SELECT, INSERT, UPDATE, DELETE with commas, each with "
                "columns in brackets where it is not for all"
            )
        yield match[1], tuple(column.strip() for column in (match[2] or "").split(",") if column.strip())
        place = match.end()


def parse_folders(folders: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the folders for each action, of folders with words such as `read, write`.

    Raises:
        ValueError: a folder or an action is none.
    """
    found = dict[str, tuple[str, ...]]()
    for folder, words in folders.items():
        if not _FOLDER.fullmatch(folder):
            raise ValueError(f"{folder!r} is no folder: write it with its slash, as in 'invoices/'")
        for word in words.split(","):
            action = word.strip()
            if action not in FOLDER_ACTIONS:
                raise ValueError(f"the access to {folder} is {words!r}: write read, write, list with commas")
            found[action] = (*found.get(action, ()), folder)
    return found

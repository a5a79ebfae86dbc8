"""The text of each file of a new job, which works from the start and does almost nothing."""

import json

from tools.new_job.names import Names

CONTRACT_IMPORTS = """\
from typing import Annotated, ClassVar

from nightshift.contract.constraints import ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message
"""


def contract(names: Names) -> str:
    """Return the class of the message."""
    return f'''

class {names.message}(Message):
    """Do what `{names.type}` is to do for one user: say it here, in the words of who asks for it."""

    SUBJECT: ClassVar[str] = "{names.subject}"

    user_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Who it is done for.",
            examples=["user-17"],
            min_length=1,
            max_length=200,
        ),
    ]
'''


def samples(names: Names) -> dict[str, str]:
    """Return sample bodies by their path below `contracts/samples`."""
    folder = names.subject
    bodies = {
        f"{folder}/valid/smallest.json": {"userId": "user-17"},
        f"{folder}/valid/uuid.json": {"userId": "c0ffee00-0000-4000-8000-000000000001"},
        f"{folder}/invalid/user-missing.json": {"body": {}, "reason": "missing required field `userId`"},
        f"{folder}/invalid/user-empty.json": {"body": {"userId": ""}, "reason": "length >= 1 - at `$.userId`"},
        f"{folder}/invalid/user-of-wrong-type.json": {"body": {"userId": 17}, "reason": "Expected `str`, got `int`"},
    }
    return {path: json.dumps(body, indent=2) + "\n" for path, body in bodies.items()}


def handler(names: Names) -> str:
    """Return the handler, which writes a row when it runs."""
    return f'''"""Do the work of `{names.type}`."""

from sqlalchemy import insert, select

from contracts.{names.service} import {names.message}
from nightshift import Job
from nightshift.database import Database
from schema.tables import activity_logs, users

_NOTE = insert(activity_logs)


async def {names.function}(message: {names.message}, job: Job, *, database: Database) -> None:
    """Note for whom it was asked: say here what is done, and what becomes a dead letter at once."""
    query = select(users.c.email).where(users.c.id == message.user_id)
    async with database.read() as connection:
        email = (await connection.execute(query)).scalar_one_or_none()
    job.write(_NOTE, {{"action": f"{names.type} for {{email or message.user_id}}"}})
'''  # noqa: S608 - Python, not SQL


def handler_imports(names: Names) -> str:
    """Return the imports that the service's module needs for it."""
    return f"from services.{names.service}.{names.module} import {names.function}\n"


def handler_line(names: Names) -> str:
    """Return the handler's line in the service's module."""
    return f"{names.service}.handler({names.function})"


def test(names: Names) -> str:
    """Return two tests: one that passes, and one that says what to fill in."""
    return f'''"""What `{names.type}` does."""

from functools import partial
from pathlib import Path

from sqlalchemy import select

from contracts.{names.service} import {names.message}
from nightshift.testing import perform_job, temporary_database
from schema.tables import activity_logs
from services.{names.service}.{names.module} import {names.function}


async def test_{names.function}_leaves_a_note(tmp_path: Path) -> None:
    """One row says for whom it was done."""
    async with temporary_database(tmp_path) as database:
        handler = partial({names.function}, database=database)
        result = await perform_job(handler, {names.message}(user_id="user-17"), database=database)
        async with database.read() as connection:
            notes = (await connection.execute(select(activity_logs.c.action))).scalars().all()
    assert (result.outcome, notes) == ("done", ["{names.type} for user-17"])


def test_{names.function}_is_filled_in() -> None:
    """This job does nothing of its own yet."""
    raise AssertionError(
        "fill in {names.function} in services/{names.service}/{names.module}.py, the fields of {names.message} in "
        "contracts/{names.service}.py and their samples; then say here what is there when it has run"
    )
'''  # noqa: S608 - Python, not SQL


def service(names: Names) -> str:
    """Return the module of a new service, without any job."""
    return f'''"""The {names.service} service: its handlers, and the real dependencies of them."""

from nightshift import Service

{names.service} = Service("{names.service}")
'''


def entry_point(names: Names) -> str:
    """Return the entry point of a new service."""
    return f'''"""Run the {names.service} service: `python -m services.{names.service}`."""

import sys

from services.{names.service}.service import {names.service}

if __name__ == "__main__":
    sys.exit({names.service}.run("python -m services.{names.service}"))
'''

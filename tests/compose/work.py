"""Work for the stack, as a web application would give it: rows, objects and jobs."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import urllib3
from minio import Minio

from nightshift.broker.storage_probe import PROBE
from tests.compose.project import ROOT, Project

PHOTOGRAPH = ROOT / "demo" / "samples" / "chelsea.jpg"


def ago(**stretch: float) -> str:
    """An instant in the past, as the database reads it."""
    return (datetime.now(UTC) - timedelta(**stretch)).isoformat()


def user(stack: Project) -> str:
    """A new user of the application; returns its id."""
    user_id = uuid4().hex
    stack.insert("users", [{"id": user_id, "email": f"{user_id}@example.com", "name": "Ada", "created_at": ago()}])
    return user_id


def upload(stack: Project, user_id: str, files: Sequence[Path]) -> list[str]:
    """Stores files and their rows, without jobs yet; returns the rows' ids."""
    ids = [uuid4().hex for _ in files]
    keys = [f"uploads/{user_id}/{file_id}" for file_id in ids]
    with urllib3.PoolManager() as pool:
        client = Minio(f"127.0.0.1:{stack.s3_port}", "nightshift", stack.password("s3"), secure=False, http_client=pool)
        for key, file in zip(keys, files, strict=True):
            data = file.read_bytes()
            client.put_object("nightshift", key, BytesIO(data), len(data))
    common = {"user_id": user_id, "original_name": "cat.jpg", "status": "uploaded", "processed": False}
    rows = [{"id": i, "object_key": k, **common, "created_at": ago()} for i, k in zip(ids, keys, strict=True)]
    stack.insert("files", rows)
    return ids


def linked_account(stack: Project, path: str) -> str:
    """An account at the feed of the tests; returns its user's id."""
    user_id = user(stack)
    account = {"id": uuid4().hex, "user_id": user_id, "service": "feed", "external_account": "blog"}
    address = {
        "base_url": f"http://feed:8000/{path}",
        "checkpoint": {},
        "generation": 0,
        "status": "active",
        "created_at": ago(),
    }
    stack.insert("linked_accounts", [account | address])
    return user_id


def publish(stack: Project, job_type: str, bodies: Iterable[dict[str, str]], *, id_field: str = "") -> int:
    """Publishes jobs as the producer, each acknowledged by the broker; returns how many.

    `id_field` is the field of the body that is the job's id as well.
    """
    count = 0
    with stack.cli("producer") as cli:
        for body in bodies:
            headers = {"Job-Id": body[id_field]} if id_field else {}
            answer = cli.req(f"jobs.{job_type}", json.dumps(body), headers)
            assert "seq" in answer, answer
            count += 1
    return count


def mail(to: str) -> dict[str, str]:
    """The body of a mail."""
    return {"to": to, "subject": "Hello", "body": "<p>Hello</p>"}


def waiting(stack: Project, service: str) -> set[str]:
    """The subjects on which jobs of a service wait, now or for later.

    What a worker tries whether the broker stores with is none; one that was stopped amid that leaves it.
    """
    with stack.cli() as cli:
        found = set[str]()
        for stream in (service, f"{service}_LATER"):
            info = cli.req(f"$JS.API.STREAM.INFO.{stream}", '{"subjects_filter": ">"}')
            found |= (info["state"].get("subjects") or {}).keys()
        return {subject for subject in found if PROBE not in subject.split(".")}


def messages(stack: Project, *streams: str) -> int:
    """How many messages there are in streams."""
    with stack.cli() as cli:
        return sum(cli.req(f"$JS.API.STREAM.INFO.{stream}")["state"]["messages"] for stream in streams)

"""Files and jobs over HTTP: what any program does with `curl` alone."""

import json
from pathlib import Path
from typing import Any

import httpx

from demo.runner import Stage
from demo.uploads import SAMPLES, USER
from nightshift.gateway.auth.scopes import SCOPES

_FILE = SAMPLES / "chelsea.jpg"
_SCOPES = [part for scope in SCOPES for part in ("--scope", scope)]
_MAIL = {"to": "hedy@example.com", "subject": "By HTTP", "body": "<p>Hello Hedy</p>"}


async def play(stage: Stage) -> None:
    """Send a file as a browser's form does, follow it by server-sent events, and enqueue a job."""
    stage.begin("gateway", f"a file and a job over HTTP, at {stage.stack.gateway_url}")
    made = json.loads(await stage.stack.run("nightshift.cli", "keys", "create", "demo", *_SCOPES, "--json"))
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=stage.stack.gateway_url, headers=headers, timeout=60) as http:
        await _file(stage, http)
        await _job(stage, http)


async def _file(stage: Stage, http: httpx.AsyncClient) -> None:
    stage.note(f'curl -H "Authorization: Bearer $KEY" -F userId={USER} -F file=@{_FILE.name} $GATEWAY/v1/files')
    with _FILE.open("rb") as opened:
        answer = await http.post("/v1/files", data={"userId": USER}, files={"file": (_FILE.name, opened, "image/jpeg")})
    taken = answer.json() if answer.status_code == httpx.codes.ACCEPTED else {}
    if not await stage.expect(f"{_FILE.name} is accepted: 202, processing", lambda: taken.get("processing")):
        return
    path = f"/v1/files/{taken['file']['id']}"
    stage.note(f'curl -N -H "Authorization: Bearer $KEY" $GATEWAY{path}/events')
    events = await _events(http, f"{path}/events")
    await stage.expect("its events end when it is processed", lambda: events[-1:] == ["processed"])
    file: dict[str, Any] = (await http.get(path)).json()
    thumbnail = stage.out / f"gateway-{_FILE.stem}.webp"
    async with httpx.AsyncClient() as outside:  # the address says who may: it needs no key
        thumbnail.write_bytes((await outside.get(str(file.get("thumbnailUrl")))).content)
    await stage.expect("its thumbnail can be fetched", lambda: _is_picture(thumbnail), where=str(thumbnail))


async def _events(http: httpx.AsyncClient, path: str) -> list[str]:
    """Return the names of the events of a file, to the end of the stream."""
    async with http.stream("GET", path) as answer:
        return [line.removeprefix("event: ") async for line in answer.aiter_lines() if line.startswith("event: ")]


async def _job(stage: Stage, http: httpx.AsyncClient) -> None:
    stage.note(f"curl -H … -H 'Idempotency-Key: by-http' --json '{json.dumps(_MAIL)}' $GATEWAY/v1/jobs/email.send")
    for _ in range(2):  # sent twice, as a client does that got no answer
        answer = await http.post("/v1/jobs/email.send", json=_MAIL, headers={"Idempotency-Key": "by-http"})
    await stage.expect("a job is accepted: 202", lambda: answer.status_code == httpx.codes.ACCEPTED)
    await stage.expect("sent twice with one key, it is one mail", lambda: len(stage.mails(_MAIL["to"])) == 1)

    async def done() -> bool:
        return bool((await http.get("/v1/jobs/email.send/by-http")).json().get("state") == "done")

    await stage.expect("its state is done", done)
    refused = await http.post("/v1/jobs/email.send", json={**_MAIL, "to": "nobody"})
    pointers = [error["pointer"] for error in refused.json().get("errors", [])]
    await stage.expect("a wrong one is refused, and the field is named: /to", lambda: pointers == ["/to"])


def _is_picture(path: Path) -> bool:
    content = path.read_bytes()
    return content[:4] == b"RIFF" or content[:3] == b"\xff\xd8\xff" or content[:4] == b"\x89PNG"

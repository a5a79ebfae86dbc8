"""Clients of the gateway that hand over jobs and files until they are answered, whatever is away meanwhile."""

import asyncio
import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx

from tests.chaos.gateway_ledger import Ledger, SentFile, SentJobs

_SHARES = {"job": 8, "later": 2, "wide": 1, "batch": 3, "raw": 5, "form": 2, "chunked": 2, "bare": 2, "direct": 3}
"""What is sent how often; `wide` is a job with a long body, `bare` a file without an `Idempotency-Key`."""
_AGAIN_SECONDS = 0.15
_PAUSE_SECONDS = 0.05
_SMALL, _LONG = 40_000, 9 << 20
"""A chunked file is long now and then: then it goes to the object store in parts."""
_NOT_NOW = {408, 429, 503}


class Callers:
    """Clients of several replicas of the gateway; `ledger` has what they sent and what was answered."""

    def __init__(self, addresses: Sequence[str], key: str, user: str, seed: str) -> None:
        self.ledger = Ledger()
        self._addresses = itertools.cycle(addresses)
        self._headers, self._user, self._seed = {"Authorization": f"Bearer {key}"}, user, seed
        self._numbers = itertools.count(1)
        self.refusals: dict[str, str] = {}
        """The last one of each address, for whoever wants to know why something is never answered."""
        self._client = httpx.AsyncClient(timeout=20, trust_env=False)

    async def call(self, number: int, stop: asyncio.Event) -> None:
        """Send one thing after the other until `stop` is set; the last one is sent until it is answered."""
        dice = random.Random(f"{self._seed}/{number}")  # noqa: S311
        while not stop.is_set():
            (kind,) = dice.choices(list(_SHARES), list(_SHARES.values()))
            await self._send(kind, dice)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, kind: str, dice: random.Random) -> None:
        name = f"{kind}-{next(self._numbers)}"
        match kind:
            case "job" | "later" | "wide":
                await self._job(name, {"delay": "500ms"} if kind == "later" else {}, padding=kind == "wide")
            case "batch":
                await self._batch([f"{name}-{number}" for number in range(5)])
            case "direct":
                await self._direct(name, dice.randbytes(_SMALL))
            case _:
                size = _LONG if kind == "chunked" and dice.random() < 0.3 else _SMALL
                await self._file(kind, name, dice.randbytes(size))

    async def _job(self, name: str, query: Mapping[str, str], *, padding: bool) -> None:
        sent = SentJobs((name,))
        self.ledger.jobs.append(sent)
        body = {"kind": "plain", "padding": "x" * 200_000 if padding else ""}
        answer = await self._answered("/v1/jobs/chaos.run", params=query, json=body, headers={"Idempotency-Key": name})
        sent.answered = answer is not None

    async def _batch(self, ids: Sequence[str]) -> None:
        """Hand over a batch; where an answer was lost, the next one may say that the ids are known: it was accepted."""
        sent = SentJobs(tuple(ids))
        self.ledger.jobs.append(sent)
        jobs = [{"id": one, "body": {"kind": "plain"}} for one in ids]
        answer = await self._answered("/v1/jobs/chaos.run/batch", json={"jobs": jobs}, also={"duplicate-in-batch"})
        sent.answered = answer is not None

    async def _file(self, kind: str, name: str, data: bytes) -> None:
        sent = SentFile(name, hashlib.sha256(data).hexdigest(), keyed=kind != "bare")
        self.ledger.files.append(sent)
        query = {"userId": self._user} | ({"filename": name} if kind != "form" else {})
        headers = {"Idempotency-Key": name} if sent.keyed else {}
        if kind == "form":
            answer = await self._answered("/v1/files", params=query, headers=headers, files={"file": (name, data)})
        elif kind == "chunked":
            answer = await self._answered("/v1/files", params=query, headers=headers, chunks=data)
        else:
            answer = await self._answered("/v1/files", params=query, headers=headers, content=data)
        if answer is not None:
            sent.ids.add(answer.json()["file"]["id"])

    async def _direct(self, name: str, data: bytes) -> None:
        """Upload directly; where the object store was away for a part, its address is used again."""
        sent = SentFile(name, hashlib.sha256(data).hexdigest(), keyed=True)
        self.ledger.files.append(sent)
        wanted = {"filename": name, "size": len(data), "sha256": sent.digest, "userId": self._user}
        announced = await self._answered("/v1/uploads", json=wanted, headers={"Idempotency-Key": name})
        if announced is None:
            return
        path = announced.headers["location"]
        for part in announced.json()["upload"]["parts"]:
            await self._put(part["url"], data)
        answer = await self._answered(f"{path}/complete")
        if answer is not None:
            sent.ids.add(answer.json()["file"]["id"])

    async def _put(self, url: str, data: bytes) -> None:
        while True:
            try:
                if (await self._client.put(url, content=data)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _answered(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        chunks: bytes | None = None,
        also: frozenset[str] | set[str] = frozenset(),
        **request: Any,
    ) -> httpx.Response | None:
        """Send a request to one replica after the other until one answers; None, and a surprise, for a wrong answer."""
        while True:
            if chunks is not None:
                request["content"] = _pieces(chunks)
            try:
                url, sending = next(self._addresses) + path, self._headers | dict(headers or {})
                answer = await self._client.post(url, headers=sending, **request)
            except httpx.TransportError as error:
                self.ledger.lost_answers += 1
                self.refusals[path] = repr(error)
            else:
                code = "" if answer.is_success else answer.json()["code"]
                if answer.is_success or code in also:
                    return answer
                if answer.status_code not in _NOT_NOW and code != "in-progress":
                    self.ledger.surprises.append(f"{answer.status_code} for {path} {headers}: {answer.text}")
                    return None
                self.refusals[path] = answer.text
            await asyncio.sleep(_AGAIN_SECONDS)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 64 * 1024):
        yield data[start : start + 64 * 1024]

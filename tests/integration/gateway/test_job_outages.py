"""Jobs that come in while something is away: accepted means stored, whatever is."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from tests.harness import connected, eventually, provisioned, stored
from tests.integration.gateway.harness import Gateway, gateway
from tests.servers import running

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
URL = "/v1/jobs/email.send"


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that may be harmed."""
    async with running(Broker(tmp_path / "broker")) as server, provisioned(server):
        yield server


async def rows(door: Gateway) -> list[Any]:
    """What is in the outbox."""
    async with door.database.read() as connection:
        return list((await connection.execute(select(outbox).order_by(outbox.c.id))).mappings())


async def post(door: Gateway, headers: dict[str, str], **options: Any) -> tuple[int, dict[str, Any], float]:
    """Status, answer and seconds of one job."""
    began = time.monotonic()
    answer = await door.client.post(options.pop("url", URL), headers=headers, **({"json": MAIL} | options))
    return answer.status_code, answer.json(), time.monotonic() - began


async def test_jobs_wait_in_the_outbox_while_the_broker_is_away(own_broker: Broker, tmp_path: Path) -> None:
    """202 in good time; the relay of the service whose queue it is publishes them under the same ids."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write", "jobs:read", "jobs:cancel")
        assert (await post(door, headers))[0] == 202
        await own_broker.kill()
        status, answer, seconds = await post(door, {**headers, "Idempotency-Key": "one"})
        assert (status, answer["job"]["where"], "stream" in answer["job"]) == (202, "outbox", False)
        assert seconds < 2.5
        batch = {"jobs": [{"id": "two", "body": MAIL}, {"id": "three", "body": MAIL}]}
        assert (await post(door, headers, url=f"{URL}/batch", json=batch))[0] == 202
        later = await post(door, {**headers, "Idempotency-Key": "four"}, url=f"{URL}?at=2199-01-01T00:00:00Z")
        assert later[1]["job"]["where"] == "outbox"
        again = await post(door, {**headers, "Idempotency-Key": "one"})
        assert (again[0], again[2] < 0.5) == (202, True)  # once it is known to be away, nobody waits for it
        assert [row["id"].split("/")[-2] for row in await rows(door)] == ["four", "one", "three", "two"]
        await own_broker.start()
        async with connected(own_broker) as connection:
            relay = Outbox("email", door.database, Publisher(connection))
            published = await relay.relay(max(row["created_at"] for row in await rows(door)).replace(year=2200))
            now, waiting = await stored(connection, "EMAIL"), await stored(connection, "EMAIL_LATER")
        assert published == 4
        assert {"one", "two", "three"} <= {message.headers[wire.JOB_ID] for message in now}
        assert [message.headers[wire.JOB_ID] for message in waiting] == ["four"]
        await eventually(lambda: _through_the_broker(door, headers), what="jobs go to the broker again")


async def _through_the_broker(door: Gateway, headers: dict[str, str]) -> bool:
    _, answer, _ = await post(door, headers)
    return bool(answer["job"]["where"] == "queue")


async def test_a_job_in_the_outbox_has_a_state_and_can_be_taken_back(own_broker: Broker, tmp_path: Path) -> None:
    """Without the broker, which might have had it after all: whoever gets it finds it cancelled."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write", "jobs:read", "jobs:cancel")
        await post(door, headers)
        await own_broker.kill()
        await post(door, {**headers, "Idempotency-Key": "one"})
        assert await _state(door, headers, "one") == "outbox"
        assert (await door.client.delete(f"{URL}/one", headers=headers)).status_code == 204
        assert (await rows(door), await _state(door, headers, "one")) == ([], "dead")
        assert (await door.client.get(f"{URL}/never", headers=headers)).json()["code"] == "unavailable"


async def _state(door: Gateway, headers: dict[str, str], job_id: str) -> str:
    answer = await door.client.get(f"{URL}/{job_id}", headers=headers)
    return str(answer.json()["state"])


async def test_a_job_that_was_enqueued_by_sql_has_a_state_and_can_be_taken_back(tmp_path: Path) -> None:
    """As long as no relay has published it, whether there is a broker or not."""
    async with gateway(tmp_path) as door:
        headers = await door.key("jobs:read", "jobs:cancel")
        await let_producers(door.database.url, ["email.send"], notify=False)
        row = {"consumer": "", "subject": "jobs.email.send", "body": b"{}", "headers": {"Job-Id": "order-17"}}
        async with door.database.write() as connection:
            await connection.execute(insert(outbox), row)
        assert await _state(door, headers, "order-17") == "outbox"
        assert (await door.client.delete(f"{URL}/order-17", headers=headers)).status_code == 204
        assert (await rows(door), await _state(door, headers, "order-17")) == ([], "dead")


async def test_a_broker_that_does_not_answer_holds_nobody_up(own_broker: Broker, tmp_path: Path) -> None:
    """Frozen, it keeps its connections: the answer comes within 2.5 s all the same."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write")
        await post(door, headers)
        own_broker.pause()
        try:
            answers = await asyncio.gather(*(post(door, headers) for _ in range(20)))
        finally:
            own_broker.resume()
        assert {(status, answer["job"]["where"]) for status, answer, _ in answers} == {(202, "outbox")}
        assert max(seconds for _, _, seconds in answers) < 2.5


async def test_a_broker_that_dies_with_requests_in_hand_loses_none(own_broker: Broker, tmp_path: Path) -> None:
    """Each is in its queue, or in the outbox, or both: the inbox makes one effect of that."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write", requestsPerSecond=100_000)

        async def burst(name: str) -> list[str]:
            ids = [f"{name}-{number}" for number in range(50)]
            answers = await asyncio.gather(*(post(door, {**headers, "Idempotency-Key": one}) for one in ids))
            return [one for one, (status, _, _) in zip(ids, answers, strict=True) if status == 202]

        bursts = [asyncio.create_task(burst(f"burst{number}")) for number in range(3)]
        await asyncio.sleep(0.05)
        await own_broker.kill()
        accepted = {one for ids in await asyncio.gather(*bursts) for one in ids}
        await own_broker.start()
        async with connected(own_broker) as connection:
            queued = {message.headers[wire.JOB_ID] for message in await stored(connection, "EMAIL")}
        left = {row["headers"][wire.JOB_ID] for row in await rows(door)}
        assert len(accepted) == 150
        assert accepted <= queued | left


async def test_without_broker_and_database_nothing_is_accepted(own_broker: Broker, tmp_path: Path) -> None:
    """503 says that it is safe to come again."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write")
        await post(door, headers)
        await own_broker.kill()
        async with door.database.write() as connection:  # holds the one lock that there is for writing
            await connection.exec_driver_sql("CREATE TABLE hold (x)")
            status, answer, seconds = await post(door, headers)
        assert (status, answer["code"], seconds < 2.5) == (503, "unavailable", True)


async def test_a_full_queue_is_told(own_broker: Broker, tmp_path: Path) -> None:
    """Nothing is stored: neither there nor in the outbox, which would hide it."""
    async with gateway(tmp_path, broker=own_broker) as door, connected(own_broker) as connection:
        await _limit(connection, "EMAIL", messages=1)
        headers = await door.key("jobs:write")
        assert (await post(door, headers))[0] == 202
        for url, body in ((URL, MAIL), (f"{URL}/batch", {"jobs": [{"body": MAIL}, {"body": MAIL}]})):
            answer = await door.client.post(url, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "queue-full")
            assert int(answer.headers["retry-after"]) > 0
        assert await rows(door) == []
        assert len(await stored(connection, "EMAIL")) == 1


async def _limit(connection: Connection, stream: str, *, messages: int) -> None:
    config = (await manage(connection, f"STREAM.INFO.{stream}"))["config"]
    await manage(connection, f"STREAM.UPDATE.{stream}", {**config, "max_msgs": messages})


async def test_a_gateway_that_starts_before_the_broker_takes_jobs(tmp_path: Path) -> None:
    """What comes in waits in the outbox."""
    async with gateway(tmp_path) as door:
        status, answer, _ = await post(door, await door.key("jobs:write"))
        assert (status, answer["job"]["where"]) == (202, "outbox")


async def test_a_long_body_waits_in_the_outbox_when_the_object_store_is_away(
    own_broker: Broker, tmp_path: Path
) -> None:
    """Whole, up to a size; the relay makes a claim check of it."""
    async with gateway(tmp_path, broker=own_broker) as door:
        headers = await door.key("jobs:write")
        status, answer, _ = await post(door, headers, json={**MAIL, "body": "x" * 200_000})
        assert (status, answer["job"]["where"]) == (202, "outbox")
        ((row,)) = await rows(door)
        assert len(row["body"]) > 200_000

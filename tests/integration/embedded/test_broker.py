"""The embedded broker."""

from pathlib import Path

import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import ServiceUnavailableError

from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.servers.broker import Broker


async def _connect(broker: Broker) -> Client:
    return await nats.connect(broker.url, allow_reconnect=False)


async def _publish_megabytes(client: Client) -> None:
    for _ in range(30):
        await client.jetstream().publish("s", b"x" * 100_000)


async def _ignore(error: Exception) -> None:
    del error


@pytest.mark.parametrize("way", ["restart", "kill"])
async def test_stored_messages_outlive_a_restart(broker: Broker, way: str) -> None:
    """What was acknowledged is there after a stop in good order and after a kill, on the same address."""
    url = broker.url
    client = await _connect(broker)
    await client.jetstream().add_stream(StreamConfig(name=way, subjects=[f"{way}.>"]))
    await client.jetstream().publish(f"{way}.a", b"kept")
    await client.close()
    if way == "restart":
        await broker.restart()
    else:
        await broker.kill()
        await broker.start()
    assert broker.url == url
    client = await _connect(broker)
    assert (await client.jetstream().get_last_msg(way, f"{way}.a")).data == b"kept"
    await client.close()


async def test_it_flushes_before_it_acknowledges(broker: Broker) -> None:
    """The server itself reports that it syncs always, and the limits that it was given."""
    async with httpx.AsyncClient() as http:
        config = (await http.get(f"{broker.monitoring_url}/varz")).json()["jetstream"]["config"]
    assert config["sync_always"] is True
    assert config["max_storage"] == broker.max_file_store


async def test_a_paused_broker_answers_again_after_resume(broker: Broker) -> None:
    """Pause freezes it without closing connections; resume lets the same connection go on."""
    client = await _connect(broker)
    broker.pause()
    try:
        with pytest.raises(TimeoutError):
            await client.request("$JS.API.INFO", timeout=0.5)
    finally:
        broker.resume()
    await client.request("$JS.API.INFO", timeout=5)
    await client.close()


async def test_the_disk_limit_can_be_reached(tmp_path: Path) -> None:
    """A small store refuses what is too much (error 10023), so tests can see what happens then."""
    broker = Broker(tmp_path / "broker", max_file_store=1_000_000)
    await broker.start()
    try:
        client = await _connect(broker)
        await client.jetstream().add_stream(StreamConfig(name="S", subjects=["s"]))
        with pytest.raises(ServiceUnavailableError) as raised:
            await _publish_megabytes(client)
        assert raised.value.err_code == 10023
        await client.close()
    finally:
        await broker.kill()


async def test_extra_configuration_is_obeyed(tmp_path: Path) -> None:
    """Users and permissions can be added, as the tests of permissions need it."""
    broker = Broker(tmp_path / "broker", extra='authorization { users: [{user: "a", password: "b"}] }')
    await broker.start()
    try:
        stranger = Client()
        with pytest.raises(nats.errors.Error, match="Authorization Violation"):
            await stranger.connect(broker.url, allow_reconnect=False, error_cb=_ignore)
        await stranger.close()
        client = await nats.connect(broker.url, user="a", password="b")
        await client.close()
    finally:
        await broker.kill()


async def test_wrong_configuration_is_told_in_the_brokers_words(tmp_path: Path) -> None:
    """A mistake in the extra configuration ends in one error that quotes the broker."""
    broker = Broker(tmp_path / "broker", extra="no_such_option: 1")
    with pytest.raises(StartFailedError, match=r"(?s)nats-server ended with exit code 1.*no_such_option"):
        await broker.start()


async def test_a_port_that_is_taken_meanwhile_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stacks may draw the same ports at the same moment: the loser draws again."""
    first, second = Broker(tmp_path / "one"), Broker(tmp_path / "two")
    try:
        await first.start()
        choose, taken = second._choose_ports, [first._ports]
        monkeypatch.setattr(second, "_choose_ports", lambda: taken.pop() if taken else choose())
        await second.start()
        assert not taken
        assert not set(first._ports) & set(second._ports)
        client = await _connect(second)
        assert client.connected_url is not None
        await client.close()
    finally:
        await first.kill()
        await second.kill()


async def test_a_later_broker_in_the_folder_takes_the_same_ports(tmp_path: Path) -> None:
    """The address that was noted yesterday is valid today, if nobody else has it."""
    urls = []
    for _ in range(2):
        broker = Broker(tmp_path / "broker")
        await broker.start()
        urls.append(broker.url)
        await broker.kill()
    assert urls[0] == urls[1]

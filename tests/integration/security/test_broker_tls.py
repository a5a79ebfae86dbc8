"""TLS to the broker, with a certificate authority of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.transport import TcpTransport

from nightshift.broker import connect
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from tests.harness import RunProbe, probe_topology
from tests.integration.services.email.certificates import Certificates, make_certificates

_TLS = """
tls {{
  cert_file: "{folder}/server.pem"
  key_file: "{folder}/server.key"
}}
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Certificates]:
    """A folder with an authority, and a certificate of it for localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    return folder, make_certificates(folder)


@pytest.fixture(scope="module")
async def encrypted(
    tmp_path_factory: pytest.TempPathFactory, certificates: tuple[Path, Certificates]
) -> AsyncIterator[Broker]:
    """A broker that speaks to nobody without TLS."""
    broker = Broker(tmp_path_factory.mktemp("encrypted"), extra=_TLS.format(folder=certificates[0]))
    await broker.start()
    yield broker
    await broker.kill()


def _settings(broker: Broker, ca_file: Path | None, host: str = "localhost") -> ProcessSettings:
    return ProcessSettings(nats_url=f"tls://{host}:{broker.port}", nats_ca_file=ca_file)


async def test_with_the_authority_jobs_are_published_over_tls(
    encrypted: Broker, certificates: tuple[Path, Certificates]
) -> None:
    """`NATS_CA_FILE` names it; the connection is encrypted, also after a restart of the broker."""
    connection = await connect(_settings(encrypted, certificates[1].ca_file), name="test", wait_seconds=10)
    await provision_broker(connection, probe_topology())
    await encrypted.restart()
    receipt = await Publisher(connection).publish(RunProbe(name="a"))
    assert receipt.stream == "PROBE"
    assert isinstance(connection._transport, TcpTransport)
    assert connection._transport._io_writer is not None
    assert connection._transport._io_writer.get_extra_info("cipher")
    await connection.close()


async def test_a_broker_that_goes_away_leaves_no_line_of_asyncio(
    encrypted: Broker, certificates: tuple[Path, Certificates], caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log at night is told what happened, and nothing about `eof_received`."""
    connection = await connect(_settings(encrypted, certificates[1].ca_file), name="test", wait_seconds=10)
    await encrypted.restart()
    await connection.ready(10)
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
    await connection.close()


_REFUSALS = {
    "no authority": "NATS_CA_FILE must name the authority",
    "another authority": "NATS_CA_FILE must name the authority",
    "another host": "NATS_URL must call the server by a name",
}


@pytest.mark.parametrize("case", _REFUSALS)
async def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(
    encrypted: Broker, certificates: tuple[Path, Certificates], tmp_path: Path, case: str
) -> None:
    """Neither one whose authority is unknown, nor one with a certificate for another name."""
    ca_file: Path | None = certificates[1].ca_file
    if case == "no authority":
        ca_file = None
    elif case == "another authority":
        ca_file = make_certificates(tmp_path).ca_file
    host = LOOPBACK if case == "another host" else "localhost"
    with pytest.raises(Unavailable, match=rf"its certificate is refused \(.*\): {_REFUSALS[case]}"):
        await connect(_settings(encrypted, ca_file, host), name="test", wait_seconds=3)


async def test_a_broker_whose_certificate_has_expired_is_not_spoken_to(
    tmp_path_factory: pytest.TempPathFactory, certificates: tuple[Path, Certificates]
) -> None:
    """The text says that it has, so that nobody looks for the fault in the settings."""
    folder = tmp_path_factory.mktemp("expired")
    certificates[1].another(folder, days=-1)
    broker = Broker(tmp_path_factory.mktemp("outdated"), extra=_TLS.format(folder=folder))
    await broker.start()
    try:
        with pytest.raises(Unavailable, match=r"certificate has expired\): renew it"):
            await connect(_settings(broker, certificates[1].ca_file), name="test", wait_seconds=3)
    finally:
        await broker.kill()


@pytest.mark.parametrize("case", ["tls://", "an authority"])
async def test_who_offers_no_tls_gets_no_password(certificates: tuple[Path, Certificates], case: str) -> None:
    """Where the settings ask for TLS, a server that claims to know none hears nothing: it may be anybody's."""
    heard = bytearray()

    async def offer_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.14.0","max_payload":1048576,"proto":1,"headers":true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(offer_no_tls, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    settings = ProcessSettings(
        nats_url=f"{'tls' if case == 'tls://' else 'nats'}://localhost:{port}",
        nats_ca_file=certificates[1].ca_file if case == "an authority" else None,
        nats_user="email",
        nats_password=Secret("made-up-password"),
    )
    with pytest.raises(Unavailable, match=r"it offers no TLS, which NATS_URL .* ask for"):
        await connect(settings, name="test", wait_seconds=2)
    assert bytes(heard) == b""
    server.close()
    await server.wait_closed()


async def test_a_broker_that_leaves_tls_to_the_client_is_spoken_to_with_tls(
    tmp_path_factory: pytest.TempPathFactory, certificates: tuple[Path, Certificates]
) -> None:
    """`allow_non_tls` at the broker, for others: where our settings ask for TLS there is TLS."""
    config = _TLS.format(folder=certificates[0]) + "allow_non_tls: true\n"
    broker = Broker(tmp_path_factory.mktemp("both"), extra=config)
    await broker.start()
    connection = await connect(_settings(broker, certificates[1].ca_file), name="test", wait_seconds=10)
    assert isinstance(connection._transport, TcpTransport)
    assert connection._transport._io_writer is not None
    assert connection._transport._io_writer.get_extra_info("cipher")
    await connection.close()
    await broker.kill()


async def test_without_tls_the_broker_hears_nothing(encrypted: Broker) -> None:
    """A client that would send its password in the clear is not served."""
    reader, writer = await asyncio.open_connection(LOOPBACK, encrypted.port)
    assert b'"tls_required":true' in await reader.readline()
    writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
    answer = await reader.read()
    assert b"PONG" not in answer
    writer.close()
    await writer.wait_closed()

"""`NATS_CREDS_FILE`: a user by a signed word and a key instead of a password."""

from collections.abc import AsyncIterator
from pathlib import Path

import nkeys
import pytest

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings, SettingsError, load
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from tests.harness import RunProbe, probe_topology
from tests.integration.security.credentials_files import Authority, Key, new_authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom the broker believes."""
    return new_authority()


@pytest.fixture(scope="module")
async def broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker that lets in whom the account vouches for, and nobody else."""
    broker = Broker(tmp_path_factory.mktemp("signed"), extra=authority.config)
    await broker.start()
    yield broker
    await broker.kill()


def _settings(broker: Broker, file: Path) -> ProcessSettings:
    return load(ProcessSettings, {"NATS_URL": broker.url, "NATS_CREDS_FILE": str(file)})


async def test_with_the_credentials_file_jobs_are_published(
    authority: Authority, broker: Broker, tmp_path: Path
) -> None:
    """It is all that is set besides the address; it also holds after a restart of the broker."""
    authority.write(tmp_path / "user.creds")
    connection = await connect(_settings(broker, tmp_path / "user.creds"), name="test", wait_seconds=10)
    await provision_broker(connection, probe_topology())
    await broker.restart()
    receipt = await Publisher(connection).publish(RunProbe(name="a"))
    assert receipt.stream == "PROBE"
    await connection.close()


async def test_who_is_not_vouched_for_is_refused_and_no_seed_is_shown(
    authority: Authority, broker: Broker, tmp_path: Path
) -> None:
    """A user of an account that the broker does not know."""
    seed = authority.write(tmp_path / "user.creds", account=Key(nkeys.PREFIX_BYTE_ACCOUNT))
    with pytest.raises(Unavailable, match=r"(?i)authorization violation") as caught:
        await connect(_settings(broker, tmp_path / "user.creds"), name="test", wait_seconds=2)
    assert seed not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"-----BEGIN NATS USER JWT-----\neyJ0\n", None])
def test_a_file_that_is_none_is_named_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    """Empty, something else, half of one, none at all."""
    if content is not None:
        (tmp_path / "user.creds").write_bytes(content)
    with pytest.raises(SettingsError, match=r"NATS_CREDS_FILE: .*user\.creds") as caught:
        load(ProcessSettings, {"NATS_CREDS_FILE": str(tmp_path / "user.creds")})
    assert len(caught.value.problems) == 1

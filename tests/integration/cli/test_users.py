"""The command line as a user with few rights, or none: the broker decides, the words say what is missing."""

from pathlib import Path

import pytest

from nightshift.embedded.servers.broker import Broker
from tests.integration.cli.harness import CommandResult, run_command

MAIL = '{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'


async def run(broker: Broker, user: str, *arguments: str, password: str = "") -> CommandResult:
    """Runs a command as a user."""
    environ = {"NATS_URL": broker.url, "NATS_PASSWORD": password or f"{user}-password"}
    return await run_command((*arguments, "--user", user), environ, Path("nowhere"))


async def test_a_producer_sends(guarded: Broker) -> None:
    """Its rights are enough for that."""
    assert (await run(guarded, "producer", "send", "email.send", MAIL)).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "email.send", MAIL, "--delay", "1h"),
        ("queues", "list"),
        ("dlq", "list"),
        ("jobs", "cancel", "x", "--yes"),
        ("cron", "run", "cleanup.daily"),
    ],
)
async def test_what_a_user_may_not_do_is_said(guarded: Broker, arguments: tuple[str, ...]) -> None:
    """Exit code 4, and that it is a matter of permission."""
    refused = await run(guarded, "producer", *arguments)
    assert (refused.code, "permission" in refused.err) == (4, True)


async def test_a_wrong_password_is_said(guarded: Broker) -> None:
    """With what the broker said, in seconds."""
    refused = await run(guarded, "operator", "queues", "list", password="wrong")
    assert refused.code == 3
    assert "authorization violation" in refused.err.lower()


async def test_the_operator_may_do_everything(guarded: Broker) -> None:
    """The doctor finds nothing that it may not do."""
    found = (await run(guarded, "operator", "doctor", "--json")).json
    assert {finding["state"] for finding in found if finding["check"] == "permissions"} == {"ok"}


async def test_the_doctor_names_missing_permissions(guarded: Broker) -> None:
    """As findings of their own, and goes on with the rest."""
    found = (await run(guarded, "producer", "doctor", "--json")).json
    assert any("cancelling jobs of email" in finding["found"] for finding in found if finding["state"] == "wrong")


async def test_a_credentials_file_that_is_not_there_is_said(guarded: Broker) -> None:
    """Before anything is tried; exit code 2."""
    environ = {"NATS_URL": guarded.url}
    refused = await run_command(("queues", "list", "--creds", "/no/such.creds"), environ, Path("nowhere"))
    assert (refused.code, "no file /no/such.creds" in refused.err) == (2, True)

"""With the user that it is shipped with, the console shows everything, and the broker lets it change nothing."""

from pathlib import Path

import pytest

from nightshift.broker import NotPermittedError, connect
from nightshift.broker.jetstream import manage, store
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.permissions import CONSOLE_VIEWER, IMPORTED_API
from tests.integration.services.console import seed
from tests.integration.services.console.harness import console, people

LOGIN = {"nats_user": CONSOLE_VIEWER, "nats_api_prefix": IMPORTED_API}
PAGES = (
    "/",
    "/queues/email",
    "/jobs?state=waiting",
    "/jobs?state=later",
    "/jobs/email.send?id=mail-0",
    "/jobs/email.send?id=dead-1",
    "/dead",
    "/schedules",
    "/schedules/report.weekly",
    "/workers",
)


def settings(broker: Broker, user: str, **more: str) -> ProcessSettings:
    """The settings of a user of the broker."""
    password = Secret(f"{user}-password")
    return ProcessSettings(nats_url=broker.url, nats_user=user, nats_password=password, **more)  # type: ignore[arg-type]


async def test_every_page_works_with_the_shipped_user(guarded: Broker, tmp_path: Path) -> None:
    """Nothing that a page asks of the broker is refused."""
    operator = await connect(settings(guarded, "operator"), name="operator")
    await seed.waiting(operator, 300)
    sequence = await seed.dead(operator, "SmtpError: 550", job_id="dead-1")
    file = tmp_path / "people.toml"
    file.write_text(people(vic="viewer"), encoding="utf-8")
    login = LOGIN | {"nats_password": f"{CONSOLE_VIEWER}-password"}
    async with console(tmp_path, guarded, console_users_file=str(file), **login) as desk, desk.person("vic") as vic:
        for path in (*PAGES, f"/dead/email/{sequence}"):
            answer = await vic.open(path)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            assert "not of now" not in answer.text
            assert "may be old" not in answer.text
        assert "300" in (await vic.open("/")).text
    await operator.close()


@pytest.mark.parametrize(
    "call",
    [
        "STREAM.PURGE.EMAIL",
        "STREAM.DELETE.EMAIL",
        "STREAM.MSG.DELETE.EMAIL_DLQ",
        "CONSUMER.PAUSE.EMAIL.email",
        "CONSUMER.CREATE.EMAIL",
        "CONSUMER.MSG.NEXT.EMAIL.email",
    ],
)
async def test_the_broker_refuses_what_would_change_something(guarded: Broker, call: str) -> None:
    """Whatever the console's own checks let pass."""
    viewer = await connect(settings(guarded, CONSOLE_VIEWER, nats_api_prefix=IMPORTED_API), name=CONSOLE_VIEWER)
    with pytest.raises(NotPermittedError):
        await manage(viewer, call, {}, timeout_seconds=2)
    with pytest.raises(NotPermittedError):
        await store(viewer, "jobs.email.send", {}, b"{}", timeout_seconds=2)
    await viewer.close()


async def test_no_answer_of_the_broker_reaches_a_stream(guarded: Broker) -> None:
    """A reply subject that a stream listens to would store a job that was read as a new one."""
    operator = await connect(settings(guarded, "operator"), name="operator")
    viewer = await connect(settings(guarded, CONSOLE_VIEWER, nats_api_prefix=IMPORTED_API), name=CONSOLE_VIEWER)
    await store(operator, "jobs.email.send", {"Job-Id": "one"}, b"{}")
    names = ("EMAIL", "EMAIL_LATER", "EMAIL_DLQ")
    before = [(await manage(operator, f"STREAM.INFO.{name}"))["state"]["last_seq"] for name in names]
    for reply in (b"jobs.email.send", b"later.email.send.x", b"dead.email.send"):
        viewer.send(f"{IMPORTED_API}.DIRECT.GET.EMAIL".encode(), b'{"seq":1,"next_by_subj":">"}', reply)
        viewer.send(f"{IMPORTED_API}.STREAM.INFO.EMAIL".encode(), b"", reply)
    await viewer.answers(5)
    await operator.answers(5)
    assert [(await manage(operator, f"STREAM.INFO.{name}"))["state"]["last_seq"] for name in names] == before
    await viewer.close()
    await operator.close()

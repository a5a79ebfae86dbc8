"""The email service as a process checks its mail server when the operator asks."""

import msgspec

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.topology.discovery import PING, CheckResult, WorkerInfo, reply_subject
from tests.harness import eventually
from tests.servers import serving


async def test_the_answer_says_whether_the_mail_server_can_be_used(stack: Stack) -> None:
    """By the name of the server, so that the operator need not know the service's settings."""
    answers = list[WorkerInfo]()

    def receive(_subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        answers.append(msgspec.json.decode(body, type=WorkerInfo))

    await stack.provision()
    asking = await connect(ProcessSettings(nats_url=stack.broker.url), name="operator")
    try:
        await asking.listen(reply_subject("email"), receive)
        async with serving(Service(stack, "email"), Service(stack, "email", replica=2, extra={"SMTP_PORT": "9"})):
            asking.send(PING.encode(), b'{"checks": true}')
            await eventually(lambda: len(answers) == 2, what="both replicas answer")
    finally:
        await asking.close()
    checks = {result.name: result for answer in answers for result in answer.checks or ()}
    right, wrong = f"mail server {stack.mail.host}:{stack.mail.port}", f"mail server {stack.mail.host}:9"
    assert set(checks) == {right, wrong}
    assert checks[right] == CheckResult(right, ok=True)
    assert not checks[wrong].ok
    assert "cannot be used" in checks[wrong].error

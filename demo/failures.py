"""Failures: a job that succeeds at its third attempt, and dead letters, each with its reason."""

from contracts.email import SendEmail
from demo.runner import Stage
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire


async def play(stage: Stage) -> None:
    """Publish all at once, because some wait for their retries."""
    stage.begin("failures", "retries with backoff, and dead letters with a reason")
    await stage.publisher.publish(
        SendEmail(to="temporary@example.com", subject="Third time lucky", body="<p>451, 451, 250.</p>"),
        job_id="demo-temporary",
    )
    await stage.publisher.publish(
        SendEmail(to="refused@example.com", subject="Nobody there", body="<p>550.</p>"), job_id="demo-refused"
    )
    await stage.publisher.publish_body("email.send", b'{"to":"ada@example.com","subject":42}', job_id="demo-invalid")
    await stage.publisher.publish_body("email.sned", b'{"to":"ada@example.com"}', job_id="demo-unknown")
    stage.note("a mail server that says 451 twice; an address that it refuses; a wrong body; a misspelt type")
    await stage.expect(
        "a job that fails twice succeeds at its third attempt",
        lambda: stage.mails("temporary@example.com"),
        where=str(stage.stack.logs / "email.log"),
    )
    await _dead(stage, "demo-refused", "permanent", "a mail that the server refuses is a dead letter at once")
    await _dead(stage, "demo-invalid", "invalid", "so is a body that breaks the contract")
    await _dead(stage, "demo-unknown", "unknown-type", "an unknown type is one after its retries")


async def _dead(stage: Stage, job_id: str, reason: str, expectation: str) -> None:
    async def found() -> list[StoredMessage]:
        letters = await stage.dead_letters("EMAIL_DLQ", job_id)
        return [letter for letter in letters if letter.headers.get(wire.DEAD_REASON) == reason]

    letters = await stage.expect(expectation, found, where="stream EMAIL_DLQ")
    if letters:
        stage.note(f"Dead-Error: {letters[0].headers.get(wire.DEAD_ERROR)}")

"""What consumers and producers rely on, as message pacts: both sides are held to them, and a broken one is named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import CRON, service_of, type_of
from tests.contract.broken_pacts import BROKEN, KEPT, changed, of_team
from tests.contract.producers import PRODUCERS
from tools.contracts import new_pact, pacts
from tools.contracts.operations import schedules
from tools.contracts.pacts import PACTS, PARTS, Interaction, Pact, refused_by_consumer
from tools.contracts.samples import ROOT

ALL = pacts.read()
EACH = [pytest.param(pact, one, id=f"{pact.path.stem}:{one.subject}") for pact in ALL for one in pact.interactions]


def verified(folder: Path) -> dict[str, list[str]]:
    """Return the mismatches of each pact in a folder whose provider is ours, by file name."""
    command = [sys.executable, "-m", "tests.contract.verify_pacts", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stdout + done.stderr
    mismatches: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return mismatches


@pytest.mark.parametrize(("pact", "interaction"), EACH)
def test_our_consumers_take_what_they_expect(pact: Pact, interaction: Interaction) -> None:
    """The example of a pact fits the contract of the consumer, if that is ours."""
    if pact.consumer in PARTS:
        assert not pacts.refused_by_consumer(interaction)


def test_our_providers_publish_what_is_expected() -> None:
    """What the real handlers publish matches every pact with a provider of ours, by Pact's own verifier."""
    mismatches = verified(PACTS)
    assert mismatches.keys() == {pact.path.name for pact in ALL if pact.provider in PRODUCERS}
    assert not any(mismatches.values()), mismatches


def test_every_message_that_leaves_a_service_has_a_pact() -> None:
    """Each of our consumers has said what it relies on, for all that each of our providers publishes."""
    expected = {
        (service_of(job_type), service, f"jobs.{job_type}")
        for service, types in load_catalogue().publishes.items()
        for job_type in types
    }
    expected |= {
        (load_catalogue().event_consumers[name.partition(".")[0]], "scheduler", CRON + name) for name in schedules()
    }
    covered = {(pact.consumer, pact.provider, one.subject) for pact in ALL for one in pact.interactions}
    assert expected <= covered, "\n".join(
        f"no pact for {subject}: make pact WHO={provider} TYPE={subject.removeprefix('jobs.')}"
        for _, provider, subject in sorted(expected - covered)
    )


def test_a_pact_is_written_from_a_sample_and_holds_both_sides(tmp_path: Path) -> None:
    """Our consumer takes its example, and whatever our provider publishes of that form is what it expects."""
    for provider, name in (("report", "email.send"), ("report", "report.generate"), ("scheduler", "cron.sync.all")):
        new_pact.write(provider, name, tmp_path)
    written = {pact.path.name: pact for pact in pacts.read(tmp_path)}
    assert set(written) == {"email-report.json", "report-report.json", "sync-scheduler.json"}
    assert not [line for pact in written.values() for one in pact.interactions for line in refused_by_consumer(one)]
    assert verified(tmp_path) == {name: [] for name in written}


def test_a_written_pact_is_broken_by_another_type(tmp_path: Path) -> None:
    """It says something: a field that the provider does not publish is found."""
    file = tmp_path / new_pact.write("report", "email.send", tmp_path)
    content = json.loads(file.read_bytes())
    content["interactions"][0]["contents"]["content"]["subject"] = 17
    file.write_text(json.dumps(content))
    (mismatch,) = verified(tmp_path)["email-report.json"]
    assert mismatch.startswith("$.subject: Expected ")


@pytest.mark.parametrize(
    ("who", "name", "words"),
    [
        ("billing", "emial.send", "nobody handles 'emial.send'; there are: .*email, "),
        ("billing", "email.sned", "there is no message 'email.sned'"),
        ("scheduler", "cron.nobody.daily", "nobody handles 'cron.nobody.daily'; there are: .*cleanup, "),
    ],
)
def test_no_pact_is_written_for_what_is_no_message(who: str, name: str, words: str, tmp_path: Path) -> None:
    """It says which there are."""
    with pytest.raises(LookupError, match=words):
        new_pact.write(who, name, tmp_path)


def test_a_pact_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Somebody may have said more in it."""
    new_pact.write("billing", "email.send", tmp_path)
    new_pact.write("billing", "report.generate", tmp_path)
    with pytest.raises(LookupError, match=r"email-billing\.json has jobs\.email\.send already"):
        new_pact.write("billing", "email.send", tmp_path)


def test_everything_that_is_published_is_declared() -> None:
    """What the handlers enqueue is what the contracts say that they do."""
    for provider, produce in PRODUCERS.items():
        published = {type_of(message.subject) for message in produce()}
        if provider == "scheduler":
            assert published == {CRON + name for name in schedules()}
        else:
            assert published == set(load_catalogue().publishes[provider])


def test_a_broken_expectation_is_named(tmp_path: Path) -> None:
    """A field, type, form, number of items or header that somebody outside relies on and that we do not give.

    A matcher that the verifier does not know is no match: nothing passes because it was not understood.
    """
    for number, (change, _) in enumerate(BROKEN.values()):
        of_team(tmp_path, f"team{number}", change)
    of_team(tmp_path, "content", KEPT)
    mismatches = verified(tmp_path)
    assert mismatches.pop("content-report.json") == []
    for number, (_, expected) in enumerate(BROKEN.values()):
        (line,) = mismatches[f"team{number}-report.json"]
        assert line.startswith(expected)


def test_an_outside_producer_is_told_what_our_consumer_refuses(tmp_path: Path) -> None:
    """A team that publishes mails promises a body that the mail service takes, and is told when it is not."""

    def shop(content: Any) -> None:
        content["provider"]["name"] = "shop"
        content["interactions"][0]["contents"]["content"]["to"] = "nobody"

    changed(tmp_path, shop)
    (pact,) = pacts.read(tmp_path)
    (line,) = pacts.refused_by_consumer(pact.interactions[0])
    assert "Expected one email address" in line
    assert "`$.to`" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content["metadata"]["pactSpecification"].update(version="3.0"), "expected 4.0"),
        (lambda content: content["interactions"][0].update(type="Synchronous/HTTP"), "Asynchronous/Messages"),
        (lambda content: content["interactions"][0]["metadata"].pop("subject"), "names no subject"),
        (lambda content: [content[side].update(name="them") for side in ("consumer", "provider")], "is ours"),
    ],
    ids=["version", "kind", "subject", "parts"],
)
def test_a_file_that_is_no_pact_of_ours_is_named(tmp_path: Path, change: Any, words: str) -> None:
    """The error says which file, and what is expected."""
    path = changed(tmp_path, change)
    with pytest.raises(ValueError, match=words) as refusal:
        pacts.read(tmp_path)
    assert path.name in str(refusal.value)


def test_a_file_is_called_after_its_two_sides(tmp_path: Path) -> None:
    """So that `ls` tells who relies on whom."""
    shutil.copy(PACTS / "email-report.json", tmp_path / "mine.json")
    with pytest.raises(ValueError, match=r"mine\.json: .* expected email-report\.json"):
        pacts.read(tmp_path)

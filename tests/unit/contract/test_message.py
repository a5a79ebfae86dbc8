"""The base of all messages: a mistake in a contract fails at import, and nothing can be changed afterwards."""

from typing import ClassVar

import msgspec
import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message
from nightshift.contract.wire import RESERVED_SERVICES


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "email.send",
        "jobs.email",
        "jobs.email.",
        "jobs.Email.send",
        "jobs.email.send.now",
        "jobs.email.send.v1",
        "jobs.email.*",
        "jobs.email.>",
        "jobs.e_mail.send",
        "later.email.send",
        "jobs.email.send ",
        "jobs.email.send\n",
        "cron.cleanup.daily",
    ],
)
def test_a_malformed_subject_fails_at_import(subject: str) -> None:
    """The class cannot even be defined, and the error says what is expected."""
    with pytest.raises(TypeError, match=r"Wrong: SUBJECT is .*, expected 'jobs\.<service>\.<verb>'"):
        type("Wrong", (Message,), {"SUBJECT": subject, "__annotations__": {"SUBJECT": ClassVar[str]}})


def test_a_missing_subject_fails_at_import() -> None:
    """Every message says where it goes; an inherited subject does not count."""
    with pytest.raises(TypeError, match="Silent: SUBJECT is ''"):

        class Silent(Message):
            name: str

    class Spoken(Message):
        SUBJECT: ClassVar[str] = "jobs.test.speak"

    with pytest.raises(TypeError, match="Heir: SUBJECT is ''"):

        class Heir(Spoken):
            pass


def test_a_subject_that_is_taken_is_refused_when_the_catalogue_is_loaded() -> None:
    """Two classes for one subject: the error names both."""
    with pytest.raises(TypeError, match=r"Second: SUBJECT 'jobs\.test\.twice' belongs to First already"):
        load_catalogue("tests.unit.contract.taken_twice")


def test_a_new_major_version_has_a_subject_of_its_own() -> None:
    """`.v2` to `.v9` may follow the verb, and belong to the type."""

    class Sent(Message):
        SUBJECT: ClassVar[str] = "jobs.test.send.v2"

    assert Sent.TYPE == "test.send.v2"


@pytest.mark.parametrize("service", RESERVED_SERVICES)
def test_a_service_is_not_called_like_a_stream_or_user_of_the_library(service: str) -> None:
    """Its stream or its user would be theirs."""
    with pytest.raises(TypeError, match=f"Taken: SUBJECT is .*, but the name {service} is that of"):
        type("Taken", (Message,), {"SUBJECT": f"jobs.{service}.send", "__annotations__": {"SUBJECT": ClassVar[str]}})


def test_a_message_cannot_be_changed() -> None:
    """What was checked stays as it was checked."""

    class Fixed(Message):
        SUBJECT: ClassVar[str] = "jobs.test.fix"
        name: str

    with pytest.raises(AttributeError, match="immutable"):
        Fixed(name="a").name = "b"  # type: ignore[misc]  # the rule under test


def test_fields_are_camel_case_on_the_wire() -> None:
    """snake_case in Python, camelCase in JSON, in both directions; nothing is around the fields."""

    class Named(Message):
        SUBJECT: ClassVar[str] = "jobs.test.name"
        user_id: str
        retry_after: int = 0

    assert msgspec.json.encode(Named(user_id="7")) == b'{"userId":"7","retryAfter":0}'
    assert msgspec.json.decode(b'{"userId":"7"}', type=Named) == Named(user_id="7")


def test_the_catalogue_is_whole_once_loaded() -> None:
    """Loading it imports every contract; who consumes which event comes with it."""
    assert {"email.send", "upload.process"} <= set(load_catalogue().messages)
    assert load_catalogue().event_consumers["cleanup"] == "maintenance"
    assert all(job_type == message.TYPE for job_type, message in load_catalogue().messages.items())


def test_a_message_of_a_test_is_no_contract_of_the_product() -> None:
    """Defining a class registers it nowhere: a catalogue is what its package holds."""

    class Elsewhere(Message):
        SUBJECT: ClassVar[str] = "jobs.email.elsewhere"

    assert Elsewhere.TYPE not in load_catalogue().messages

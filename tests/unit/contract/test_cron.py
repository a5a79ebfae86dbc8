"""Names of schedules and their subjects."""

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import event_subject, manual_subject
from nightshift.scheduler.timetable.timetable import load_timetable


def test_a_name_makes_the_subject_of_its_event_and_of_the_same_by_hand() -> None:
    """`cron.<name>`, and `.manual` behind it."""
    assert (event_subject("sync.all"), manual_subject("sync.all")) == ("cron.sync.all", "cron.sync.all.manual")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "sync",
        "sync.",
        ".sync",
        "sync..all",
        "Sync.all",
        "sync.all\n",
        "sync.*",
        "sync.all.manual",
        "a." + "b" * 127,
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    """One token, wild cards, capitals, line breaks, the manual suffix and long names make no subject."""
    with pytest.raises(ValueError, match="cannot be the name of a schedule"):
        event_subject(name)


def test_every_built_in_schedule_has_a_consumer() -> None:
    """An event that nobody handles would be lost in silence."""
    assert {entry.name.partition(".")[0] for entry in load_timetable(load_catalogue())} <= set(
        load_catalogue().event_consumers
    )

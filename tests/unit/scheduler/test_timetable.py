"""The timetable: built-in schedules and a settings file that changes them."""

from pathlib import Path

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file to write."""
    return tmp_path / "schedules.toml"


def problems(file: Path, content: str) -> tuple[str, ...]:
    """What is wrong with this content."""
    file.write_text(content)
    with pytest.raises(TimetableError) as caught:
        load_timetable(load_catalogue(), file)
    assert str(file) in str(caught.value)
    return caught.value.problems


def test_the_built_in_schedules_are_those_that_services_handle() -> None:
    """Without a file there are three schedules, in UTC."""
    assert [(entry.name, entry.expression.text, entry.time_zone) for entry in load_timetable(load_catalogue())] == [
        ("cleanup.daily", "0 0 * * *", "UTC"),
        ("sync.all", "0 */6 * * *", "UTC"),
        ("report.weekly", "0 9 * * 1", "UTC"),
    ]


def test_a_file_adds_changes_and_switches_off(file: Path) -> None:
    """An entry with a built-in name changes only the fields that it gives."""
    file.write_text(
        """
        [[schedules]]
        name = "sync.all"
        time_zone = "Europe/Berlin"
        [[schedules]]
        name = "cleanup.daily"
        enabled = false
        [[schedules]]
        name = "report.monthly"
        schedule = "0 9 1 * *"
        misfire = "skip"
        """
    )
    entries = [
        (entry.name, entry.expression.text, entry.time_zone, entry.misfire)
        for entry in load_timetable(load_catalogue(), file)
    ]
    assert entries == [
        ("sync.all", "0 */6 * * *", "Europe/Berlin", "latest"),
        ("report.weekly", "0 9 * * 1", "UTC", "all"),
        ("report.monthly", "0 9 1 * *", "UTC", "skip"),
    ]


def test_a_file_may_have_the_byte_order_mark_and_line_ends_of_windows(file: Path) -> None:
    """Its editors write them."""
    file.write_bytes('\ufeff[[schedules]]\r\nname = "cleanup.daily"\r\nenabled = false\r\n'.encode())
    assert [entry.name for entry in load_timetable(load_catalogue(), file)] == ["sync.all", "report.weekly"]


def test_an_empty_file_changes_nothing(file: Path) -> None:
    """A file without entries leaves the built-in schedules."""
    file.write_text("# nothing yet\n")
    assert load_timetable(load_catalogue(), file) == load_timetable(load_catalogue())


def test_every_wrong_entry_and_field_is_named_at_once(file: Path) -> None:
    """One message lists all problems, each with its entry and field, and with the word that was probably meant."""
    found = problems(
        file,
        """
        [[schedules]]
        name = "synk.often"
        shedule = "*/15 * * * *"
        time_zone = "Europe/Berlim"
        misfire = "lates"
        enabled = "yes"
        [[schedules]]
        name = "cleanup.dialy"
        [[schedules]]
        schedule = "61 * * * *"
        [[schedules]]
        name = "sync.all"
        [[schedules]]
        name = "sync.all"
        schedule = 5
        """,
    )
    expected = [
        "schedule 1 (synk.often): 'shedule' is no field, did you mean 'schedule'?",
        "schedule 1 (synk.often): name: no service handles events of 'synk', did you mean 'sync'?",
        "schedule 1 (synk.often): time_zone: 'Europe/Berlim' is no time zone, did you mean 'Europe/Berlin'?",
        "schedule 1 (synk.often): misfire: 'lates' is not one of skip, latest, all, did you mean 'latest'?",
        "schedule 1 (synk.often): enabled: 'yes' is neither true nor false",
        "schedule 1 (synk.often): schedule: it is missing",
        (
            "schedule 2 (cleanup.dialy): schedule: it is missing; "
            "if it changes a built-in schedule, did you mean 'cleanup.daily'?"
        ),
        "schedule 3: name: it is missing",
        "schedule 3: schedule: '61 * * * *' is no cron expression: minute '61' is not possible",
        "schedule 5 (sync.all): schedule: 5 is no text",
        "schedule 5 (sync.all): name: schedule 4 has the same",
    ]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[schedules]\n", "the file is not TOML"),
        ("[schedules.sync]\n", "write one [[schedules]] table per schedule"),
        ("schedules = [1]\n", "schedule 1: it is no table"),
        ("[[schedule]]\n", "'schedule' is not known, did you mean 'schedules'?"),
        ('[[schedules]]\nname = "sync"\nschedule = "* * * * *"\n', "'sync' cannot be the name of a schedule"),
        ('[[schedules]]\nname = "sync.all.manual"\nschedule = "* * * * *"\n', "not ending in '.manual'"),
        ('[[schedules]]\nname = "sync.all"\ntime_zone = []\n', "time_zone: [] is no time zone"),
        ('[[schedules]]\nname = "sync.all"\ntime_zone = "../etc/passwd"\n', "is no time zone"),
    ],
)
def test_a_file_of_another_shape_is_told_what_is_expected(file: Path, content: str, said: str) -> None:
    """What is no list of schedules gets an answer too, without a traceback."""
    assert any(said in problem for problem in problems(file, content))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and one that is no text are errors in words."""
    with pytest.raises(TimetableError, match="No such file"):
        load_timetable(load_catalogue(), tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TimetableError, match="not UTF-8"):
        load_timetable(load_catalogue(), tmp_path / "binary.toml")

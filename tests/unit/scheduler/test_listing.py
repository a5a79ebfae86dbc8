"""The timetable as text."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.scheduler.__main__ import main
from nightshift.scheduler.timetable.listing import as_json, as_table, listing
from nightshift.scheduler.timetable.timetable import load_timetable
from tests.repository import ROOT

NOW = datetime(2026, 7, 24, 5, tzinfo=UTC)


def test_the_table_shows_the_soonest_first() -> None:
    """Each line has a schedule, its zone and policy, and its next due times."""
    head, first, *_ = as_table(listing(load_timetable(load_catalogue()), NOW, 2)).splitlines()
    assert head.split() == ["NAME", "SCHEDULE", "TIME", "ZONE", "MISFIRE", "NEXT", "DUE", "(UTC)"]
    assert first == "sync.all       0 */6 * * *  UTC        latest   2026-07-24 06:00:00, 2026-07-24 12:00:00"


def test_the_list_is_also_json() -> None:
    """Fields are in camelCase, instants in RFC 3339."""
    rows = json.loads(as_json(listing(load_timetable(load_catalogue()), NOW, 1)))
    assert rows[0] == {
        "name": "sync.all",
        "schedule": "0 */6 * * *",
        "timeZone": "UTC",
        "misfire": "latest",
        "nextDue": ["2026-07-24T06:00:00Z"],
    }


def test_wrong_schedules_end_the_program_with_code_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is on standard error, without a traceback."""
    monkeypatch.setenv("SCHEDULES_FILE", "/nowhere/schedules.toml")
    assert main([]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes of this kind")
def test_a_list_whose_reader_has_gone_ends_quietly() -> None:
    """As with `… --list | head -1`: exit code 0, and no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "nightshift.scheduler", "--list"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, cwd=ROOT)  # noqa: S603 - our own
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")

"""How figures are arranged, and what is said where there are none."""

from services.report.queries.storage_figures import Stored
from services.report.rendering.document import DayChart, Document, Table, Tile
from services.report.reports import storage_usage, user_activity, weekly_summary
from tests.unit.services.report.figures import NONE, activity, dead_letters, request, storage, weekly


def tile(report: Document, label: str) -> Tile:
    """The tile of this label."""
    return next(each for each in report.tiles if each.label == label)


def tables(report: Document) -> dict[str, Table]:
    """All tables of the page by their title."""
    parts = [part for section in report.sections for part in section.parts]
    return {part.title: part for part in parts if isinstance(part, Table)}


def test_a_weekly_summary_shows_what_was_asked_for() -> None:
    """Users in all and new, uploads, mails, dead letters, each with the week before."""
    report = weekly_summary.lay_out(weekly(), request(dead_letters=dead_letters({"email.send": 2})))
    shown = {each.label: (each.value, each.before) for each in report.tiles}
    assert shown == {
        "Users in all": (120, 92),
        "New users": (28, 29),
        "Uploads": (28, 29),
        "Mails sent": (28, 29),
        "Dead letters": (2, None),
    }
    assert (report.name, report.about) == ("Weekly summary", "16 to 22 November 2026")


def test_dead_letters_are_compared_with_the_report_before() -> None:
    """What waits, what waited, and how many came between, also those that were worked off since."""
    now = dead_letters({"email.send": 3, "sync.external": 1}, ever={"EMAIL_DLQ": 40, "SYNC_DLQ": 1})
    before = dead_letters({"email.send": 5}, ever={"EMAIL_DLQ": 31})
    report = weekly_summary.lay_out(weekly(), request(dead_letters=now, earlier_dead_letters=before))
    shown = tile(report, "Dead letters")
    assert (shown.value, shown.before, shown.note) == (4, 5, "waiting; 10 new since the previous report")
    rows = tables(report)["Jobs given up, by type"].rows
    assert [list(row) for row in rows] == [["email.send", 3, 5], ["sync.external", 1, 0]]


def test_a_stream_made_anew_counts_from_its_beginning() -> None:
    """Its numbers are lower than before: all that it has had are new."""
    assert dead_letters(ever={"EMAIL_DLQ": 3}).added_since(dead_letters(ever={"EMAIL_DLQ": 31})) == 3


def test_dead_letters_that_nobody_counted_are_not_shown_as_none() -> None:
    """A dash and not a zero."""
    assert tile(weekly_summary.lay_out(weekly(), request()), "Dead letters").value is None


def test_types_of_dead_letters_beyond_ten_are_counted_together() -> None:
    """Each misspelt type has its own."""
    many = dead_letters({f"email.typo{number}": 1 for number in range(12)})
    table = tables(weekly_summary.lay_out(weekly(), request(dead_letters=many)))["Jobs given up, by type"]
    assert len(table.rows) == 10
    assert table.note == "2 more are of other types."


def test_a_week_without_anything_says_so() -> None:
    """Each chart has its own words for that."""
    report = weekly_summary.lay_out(weekly(NONE, failed_uploads=0), request(dead_letters=dead_letters()))
    charts = [part for section in report.sections for part in section.parts if isinstance(part, DayChart)]
    assert [each.empty for each in charts] == ["Nobody signed up.", "Nothing was uploaded.", "No mail was sent."]
    assert not tables(report)["Jobs given up, by type"].rows


def test_the_sheet_of_a_weekly_summary_has_totals_and_days() -> None:
    """A day's row bears its date, a total none."""
    rows = [list(row) for row in weekly_summary.lay_out(weekly(), request()).sheet.rows]
    assert ["Mails sent", None, 28, 29] in rows
    assert [row[2] for row in rows if row[0] == "Mails sent" and row[1]] == [1, 2, 3, 4, 5, 6, 7]


def test_activity_is_not_compared_with_days_whose_log_is_gone() -> None:
    """Old log entries are cleaned up: what is missing must not look like growth."""
    report = user_activity.lay_out(activity(comparable=False), request())
    assert [each.before for each in report.tiles] == [None, None, None]
    charts = [part for section in report.sections for part in section.parts if isinstance(part, DayChart)]
    assert [each.before for each in charts] == [None, None]


def test_active_users_are_a_share_of_all() -> None:
    """Of those that there were at the end."""
    note = tile(user_activity.lay_out(activity(), request()), "Active users").note
    assert note.replace("\N{NARROW NO-BREAK SPACE}", " ") == "33 % of 3 users"


def test_a_user_without_a_name_is_shown_by_email() -> None:
    """A row always says who it is about."""
    rows = tables(user_activity.lay_out(activity(name=""), request()))["Users by number of actions"].rows
    assert rows[0][0] == "ada@example.com"


def test_users_beyond_the_sheet_are_counted() -> None:
    """The page says how many are missing, and where they are."""
    table = tables(user_activity.lay_out(activity(active=500), request()))["Users by number of actions"]
    assert table.note == "499 more were active; the CSV file has the next 0."


def test_storage_grows_from_what_there_was() -> None:
    """The last point of the curve is what is stored at the end."""
    report = storage_usage.lay_out(storage(), request())
    growth = report.sections[0].parts[0]
    assert isinstance(growth, DayChart)
    assert (growth.values[0], growth.values[-1]) == (1001, 1028)
    assert tile(report, "Without owner").value == 1000


def test_an_empty_store_says_so() -> None:
    """No curve along zero."""
    nothing = Stored(None, 0, 0)
    report = storage_usage.lay_out(storage(at_end=nothing, at_start=nothing, added_bytes=NONE), request())
    growth = report.sections[0].parts
    assert [part.title for part in growth] == ["Stored at the end of each day"]
    assert isinstance(growth[0], DayChart)
    assert growth[0].empty == "Nothing is stored."

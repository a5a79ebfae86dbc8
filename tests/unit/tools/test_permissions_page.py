"""The page that says who may do what."""

from nightshift.topology.permissions import Permissions
from tools import permissions


def test_the_table_is_what_the_permissions_are() -> None:
    """A changed permission changes the page."""
    assert permissions.main(["--check"]) == 0


def test_every_user_has_a_column_and_every_subject_a_place() -> None:
    """What one user may do stands in its column; a column without a permission stays empty."""
    table = permissions.table(
        {
            "email": Permissions(("jobs.email.>", "$JS.API.DIRECT.GET.EMAIL"), ("_INBOX_email.>",)),
            "operator": Permissions((">",), (">",)),
        }
    )
    assert "| publishes jobs | `email.>` | everything |" in table
    assert "| publishes events |  | everything |" in table
    assert "| hears | `_INBOX_email.>` | everything |" in table

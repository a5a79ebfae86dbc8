"""What a principal may do."""

import pytest

from nightshift.gateway.auth.principal import Principal, scope_problems


@pytest.mark.parametrize(
    ("scope", "wanted", "allowed"),
    [
        ("jobs:write", "jobs:write:email.send", True),
        ("jobs:write:email.send", "jobs:write:email.send", True),
        ("jobs:write:email.*", "jobs:write:email.send", True),
        ("jobs:write:*", "jobs:write:report.generate", True),
        ("jobs:write:email.*", "jobs:write:report.generate", False),
        ("jobs:write:email.send", "jobs:write:email.sendall", False),
        ("jobs:write:email.send", "jobs:write", False),
        ("jobs:read", "jobs:read", True),
        ("jobs:read", "jobs:cancel", False),
        ("files:read", "files:write", False),
        ("files:write", "files:read", False),
        ("*", "files:read", False),
        ("files:*", "files:read", False),
    ],
)
def test_a_scope_covers_what_it_names(scope: str, wanted: str, allowed: bool) -> None:  # noqa: FBT001 - a case
    """Only the types of jobs have patterns."""
    assert Principal("key", None, (scope,)).may(wanted) is allowed


def test_any_scope_of_several_is_enough() -> None:
    """And none is not."""
    assert Principal("key", None, ("files:read", "jobs:write:email.*")).may("jobs:write:email.send")
    assert not Principal("key", None, ()).may("files:read")


@pytest.mark.parametrize("scope", ["jobs:wirte", "files", "*", "jobs:write:", "jobs:read:email.send", ""])
def test_a_scope_that_does_not_exist_is_told(scope: str) -> None:
    """With what there is."""
    (problem,) = scope_problems([scope, "files:read", "jobs:write:email.*"])
    assert problem.startswith(f"there is no scope {scope!r}; ")

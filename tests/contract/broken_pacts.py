"""Pacts of outside teams that rely on what we do not do: each has to be found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.contracts.pacts import PACTS

Content = dict[str, Any]
Change = Callable[[Content], Any]


def changed(folder: Path, change: Change, name: str = "email-report") -> Path:
    """Writes a copy of a pact of ours that was changed; returns where."""
    content = json.loads((PACTS / f"{name}.json").read_bytes())
    change(content)
    target = folder / f"{content['consumer']['name']}-{content['provider']['name']}.json"
    target.write_text(json.dumps(content))
    return target


def of_team(folder: Path, team: str, change: Change) -> Path:
    """Writes the pact of a team that reads the report's mails and expects something else of them."""

    def outside(content: Content) -> None:
        content["consumer"]["name"] = team
        change(content["interactions"][0])

    return changed(folder, outside)


def _rule(path: str, **matcher: Any) -> Change:
    return lambda one: one["matchingRules"]["body"].update({path: {"combine": "AND", "matchers": [matcher]}})


BROKEN: dict[str, tuple[Change, str]] = {
    "field": (
        lambda one: one["contents"]["content"].update(tenant="acme"),
        "$: Actual map is missing",
    ),
    "type": (lambda one: one["contents"]["content"].update(subject=17), "$.subject: Expected 'Nightshift: "),
    "regex": (
        _rule("$.to", match="regex", regex="[0-9]+"),
        "$.to: Expected 'ada@example.com' to match '[0-9]+'",
    ),
    "number of items": (
        _rule("$.attachments", match="type", min=3),
        "$.attachments: Expected ",
    ),
    "header": (
        lambda one: one["metadata"].update({"Tenant": "acme"}),
        "Tenant: Expected message metadata",
    ),
    "matcher that nobody knows": (_rule("$.to", match="moon"), "$.to: Could not apply the 'moon' matching rule"),
}
"""What is changed in the one interaction -> what is said of it."""

KEPT: Change = lambda one: one["matchingRules"]["body"].pop("$.subject")  # noqa: E731 - stands beside the table
"""Expects the subject line of the example to the letter, which it happens to be."""

"""The stream of what people have begun at the console: a message for each, replaced as it goes on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

CONSOLE_STREAM: Final = "CONSOLE"
CONSOLE_SUBJECTS: Final = ("console.>",)
CONSOLE_AGE = timedelta(days=90)
BEGUN: Final = "what people have begun at the console and goes on by itself: redrives of many dead letters"
CONSOLE_OPTIONS: Final[Mapping[str, Any]] = {
    "retention": "limits",
    "discard": "old",
    "max_age": int(CONSOLE_AGE.total_seconds() * 1_000_000_000),
    "max_bytes": 16 * 1024**2,
    "max_msgs_per_subject": 1,
    "allow_direct": True,
}

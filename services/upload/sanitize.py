"""Make text from inside a file safe to store: whoever wrote the file chose it."""

import unicodedata

MAX_CHARACTERS = 300


def clean(text: object) -> str:
    """Return `text` on one line, without control characters (PostgreSQL refuses NUL) and surrogates, cut to length."""
    spaced = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(text)[: 4 * MAX_CHARACTERS])
    return " ".join(spaced.split())[:MAX_CHARACTERS]

"""Find what a newer JSON Schema of ours breaks: the library's rules, and what is known of patterns that take more."""

from nightshift.documents import compatibility
from nightshift.documents.schemas import Schema
from tools.contracts.widened import takes_more


def narrowings(old: Schema, new: Schema) -> list[str]:
    """Return what `new` refuses that `old` accepted, and removed fields; a line each, with the field's path."""
    return compatibility.narrowings(old, new, takes_more)


def widenings(old: Schema, new: Schema) -> list[str]:
    """Return what readers of `old` would not understand in messages of `new`; they ignore new fields."""
    return compatibility.widenings(old, new, takes_more)

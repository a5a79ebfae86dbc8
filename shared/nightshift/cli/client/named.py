"""Things that were named on the command line and are not there: each is told, so that nobody takes it for done."""

from collections.abc import Collection, Sequence

from nightshift.cli.terminal.output import Output


def tell_missing(output: Output, named: Sequence[str], found: Collection[str], what: str) -> list[str]:
    """Say which names were not found, a line each; return them."""
    missing = [name for name in dict.fromkeys(named) if name not in found]
    for name in missing:
        output.note(f"{name}: no such {what}")
    return missing

"""The headers with which jobs travel as one batch, stored together or not at all (ADR-50)."""

from typing import Annotated

from msgspec import Meta

from nightshift.contract.constraints import END, pattern

BatchId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Jobs that are stored together or not at all have one (ADR-50): our publishers do so with those "
        "that are published at the same time. It says nothing to a worker.",
        examples=["0123456789abcdef0123456789abcdef"],
    ),
]
BatchSequence = Annotated[
    str,
    pattern(rf"^[0-9]{{1,4}}{END}", "a whole number", description="Its place in that batch, from 1.", examples=["17"]),
]
BatchCommit = Annotated[str, Meta(description="`1` at the last one of a batch, which stores it.", examples=["1"])]

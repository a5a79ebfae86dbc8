"""Contracts with a mistake: two classes have one subject."""

from typing import ClassVar

from nightshift.contract.message import Message


class First(Message):
    """Was there before."""

    SUBJECT: ClassVar[str] = "jobs.test.twice"


class Second(Message):
    """Takes the same subject."""

    SUBJECT: ClassVar[str] = "jobs.test.twice"

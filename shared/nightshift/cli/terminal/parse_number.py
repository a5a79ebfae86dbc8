"""Parse numbers as a person types them; what cannot be meant is refused with what is expected."""

import argparse

_MOST_DIGITS = 12


def parse_count(text: str) -> int:
    """Parse a whole number from 0.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def parse_positive_count(text: str) -> int:
    """Parse a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def parse_rate(text: str) -> float:
    """Parse a number a second, from 0.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 10**_MOST_DIGITS:  # what is no number is not in between
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return rate

"""A pattern that is said to take more than an older one takes all that the older one took."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.documents.patterns import portable
from tools.contracts.widened import GROWN, WIDENED, takes_more


@pytest.mark.parametrize(("old", "new"), [*WIDENED, *GROWN])
def test_whatever_fitted_the_old_pattern_fits_the_new_one(old: str, new: str) -> None:
    """Texts are made from the old pattern; the lookaheads in it are checked afterwards."""

    @given(st.from_regex(portable(old), fullmatch=True))
    def fits(text: str) -> None:
        if re.search(old, text):
            assert re.search(new, text)

    fits()


@pytest.mark.parametrize(("old", "new"), WIDENED)
def test_more_in_one_direction_is_less_in_the_other(old: str, new: str) -> None:
    """The gate lets the change pass, and not the way back."""
    assert takes_more(new, old)
    assert not takes_more(old, new)

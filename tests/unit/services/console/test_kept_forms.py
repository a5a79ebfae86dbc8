"""Forms whose session had ended."""

from nightshift.console.web.kept_forms import KeptForms


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_form_comes_back_once_without_what_belongs_to_its_session() -> None:
    """And to nobody who does not know its name."""
    kept = KeptForms()
    name = kept.keep({"token": "secret", "reason": "why"})
    assert kept.take("other") == {}
    assert kept.take(name) == {"reason": "why"}
    assert kept.take(name) == {}


def test_forms_are_bounded_in_time_number_and_size() -> None:
    """The oldest go first."""
    clock = Clock()
    kept = KeptForms(clock)
    first = kept.keep({"a": "1"})
    names = [kept.keep({"a": "1"}) for _ in range(100)]
    assert kept.take(first) == {}
    large = [kept.keep({"a": "x" * 1_500_000}) for _ in range(3)]
    assert kept.take(names[-1]) == {}
    assert [bool(kept.take(name)) for name in large] == [False, True, True]
    late = kept.keep({"a": "1"})
    clock.now = 601
    assert kept.take(late) == {}

"""The judge of a chaos run is not blind: each broken promise is named, and a good run passes."""

from collections import Counter

import pytest

from nightshift.topology.topology import EVENTS_KEPT
from tests.chaos.events import Announced, dropped_after_alarm
from tests.chaos.ledger import Facts, Sent, breaches, gaps
from tests.chaos.mails import Received, mail_breaches
from tests.chaos.plan import FAULTS, LONG_AWAY, TEN_MINUTES_AWAY, plan

RUN = "chaos.run"
CHILD = ("chaos.follow", "chaos/chaos.run/p/0")


def test_a_run_in_which_all_happened_once_is_good() -> None:
    """One effect or one dead letter each, follow-ups of the committed, nothing left."""
    sent = {
        "p": Sent("parent", 1, "accepted"),
        "h": Sent("hopeless", 0, "accepted"),
        "s": Sent("skip", 0, "accepted"),
        "lost answer": Sent("plain", 0, "tried"),
        "no": Sent("plain", 0, "refused"),
    }
    facts = Facts(
        Counter({(RUN, "p"): 1, CHILD: 1, ("chaos.tick", "chaos.tick@1"): 1}),
        {(RUN, "h"): ["attempts-exhausted"]},
        frozenset({(RUN, "s")}),
        Counter({"chaos.tick@1": 1}),
        {"CHAOS": 0},
    )
    assert breaches(sent, facts) == []


def test_an_event_may_be_dropped_after_an_alarm() -> None:
    """It is documented; where a job was done all the same it counts as any other."""
    dropped, other = "chaos.tick@2026-07-01T11:30:05+00:00", "chaos.tick@2026-07-01T11:30:10+00:00"
    facts = Facts(events=Counter([dropped, other]), dropped=frozenset({dropped}))
    assert breaches({}, facts) == [f"event {other} has 0 jobs done, and no alarm came before it was dropped"]
    facts = Facts(Counter({("chaos.tick", dropped): 2}), events=Counter([dropped]), dropped=frozenset({dropped}))
    assert "has 2 jobs done" in breaches({}, facts)[0]


@pytest.mark.parametrize(
    ("behind", "dropped"),
    [
        ([(100.0, 26), (115.0, 30)], {"a@0", "a@1"}),
        ([(100.0, 26), (114.9, 30)], set()),
        ([(100.0, 26), (110.0, 25), (120.0, 30)], set()),
        ([(EVENTS_KEPT + 0.5, 26), (EVENTS_KEPT + 15.5, 30)], set()),
        ([(EVENTS_KEPT - 14.5, 26), (EVENTS_KEPT + 0.5, 30)], {"a@1"}),
    ],
)
def test_only_what_was_dropped_after_the_alarm_is_excused(behind: list[tuple[float, int]], dropped: set[str]) -> None:
    """One event a second: the first goes when as many newer ones have come as the stream keeps."""
    announced = {"a": [Announced(f"a@{second}", float(second)) for second in range(EVENTS_KEPT + 2)]}
    assert dropped_after_alarm(announced, behind) == dropped


@pytest.mark.parametrize(
    ("sent", "facts", "named"),
    [
        ({"a": Sent("plain", 0, "accepted")}, Facts(), "plain a (accepted) is lost"),
        ({"a": Sent("hopeless", 0, "accepted")}, Facts(), "has no dead letter"),
        ({"a": Sent("skip", 0, "accepted")}, Facts(), "skip a (accepted) is lost"),
        ({"a": Sent("plain", 0, "tried")}, Facts(Counter({(RUN, "a"): 2})), "has 2 effects"),
        ({"a": Sent("plain", 0, "refused")}, Facts(Counter({(RUN, "a"): 1})), "although the broker refused it"),
        ({"a": Sent("hopeless", 0, "tried")}, Facts(Counter({(RUN, "a"): 1})), "has an effect"),
        (
            {"a": Sent("flaky", 0, "accepted")},
            Facts(dead={(RUN, "a"): ["attempts-exhausted"]}),
            "became a dead letter: ['attempts-exhausted']",
        ),
        ({"p": Sent("parent", 1, "accepted")}, Facts(Counter({(RUN, "p"): 1})), "of a committed parent has 0 effects"),
        (
            {"p": Sent("parent", 1, "accepted")},
            Facts(Counter({(RUN, "p"): 1, CHILD: 2})),
            "of a committed parent has 2 effects",
        ),
        ({"p": Sent("parent", 1, "tried")}, Facts(Counter({CHILD: 1})), "its parent was not committed"),
        ({}, Facts(Counter({(RUN, "x"): 1})), "nobody sent it"),
        ({}, Facts(dead={(RUN, "x"): ["invalid"]}), "nobody sent it"),
        ({}, Facts(events=Counter({"chaos.tick@1": 2})), "announced 2 times"),
        ({}, Facts(events=Counter({"chaos.tick@1": 1})), "has 0 jobs done"),
        ({}, Facts(left={"CHAOS": 3}), "3 left in CHAOS"),
    ],
)
def test_every_broken_promise_is_named(sent: dict[str, Sent], facts: Facts, named: str) -> None:
    """One case for each."""
    assert named in "\n".join(breaches(sent, facts))


def test_a_due_time_that_was_left_out_is_named() -> None:
    """Two seconds after two seconds, none missing."""
    assert gaps([2, 4, 6], 2) == []
    assert gaps([6, 2, 8], 2) == ["no event between due times 2 and 6"]


@pytest.mark.parametrize(
    ("arrived", "dead", "named"),
    [
        ([], set[str](), "mail m to welcome is lost"),
        ([Received("m", "<1>"), Received("m", "<2>")], set[str](), "2 Message-IDs"),
        ([Received("m", "<1>"), Received("x", "<1>")], set[str](), "nobody sent it"),
    ],
)
def test_every_broken_promise_about_mails_is_named(arrived: list[Received], dead: set[str], named: str) -> None:
    """A mail may come twice under one Message-ID, and never not at all."""
    sent = {"m": Sent("welcome", 0, "accepted")}
    assert list(mail_breaches(sent, [Received("m", "<1>"), Received("m", "<1>")], set())) == []
    assert list(mail_breaches(sent, [], {"m"})) == []
    assert named in "\n".join(mail_breaches(sent, arrived, dead))


def test_the_same_seed_gives_the_same_plan_with_every_fault_in_it() -> None:
    """So that a run that broke something can be had again."""
    assert plan("7", 45) == plan("7", 45) != plan("8", 45)
    assert {strike.fault for strike in plan("7", 45)} == set(FAULTS)
    assert {strike.fault for strike in plan("7", 1150)} == {*FAULTS, LONG_AWAY, TEN_MINUTES_AWAY}

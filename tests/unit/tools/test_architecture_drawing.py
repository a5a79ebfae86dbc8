"""The drawing of the architecture: made from the imports, never older than they are."""

import re
from graphlib import CycleError
from itertools import pairwise
from pathlib import Path

import pytest

from tools.architecture import graph
from tools.architecture.__main__ import DRAWING, ROOT
from tools.architecture.drawing import draw
from tools.architecture.layout import BOX_WIDTH, Lane, lay_out


def test_the_drawing_is_up_to_date() -> None:
    """`make architecture` writes it again when a room imports another that it did not import before."""
    assert DRAWING.read_text(encoding="utf-8") == draw(ROOT), "run `make architecture` and commit docs/architecture.svg"


def test_every_room_and_folder_is_drawn_with_its_whole_sentence() -> None:
    """A first sentence that is too long for its box is cut off, and should be shorter."""
    drawn = draw(ROOT)
    names = re.findall(r'<text class="name"[^>]*>([^<]*)<', drawn)
    assert sorted(names) == sorted([*graph.folders(ROOT), *graph.rooms(ROOT)])
    assert "…" not in drawn


def test_an_arrow_that_a_longer_way_says_is_left_out() -> None:
    """Of cli -> worker -> broker and cli -> broker, the last says nothing new."""
    arrows = {"cli": {"worker", "broker"}, "worker": {"broker"}, "broker": set[str]()}
    assert graph.reduced(arrows) == {"cli": {"worker"}, "worker": {"broker"}, "broker": set()}


def test_a_circle_is_refused_and_named() -> None:
    """Rooms that import each other have no order."""
    with pytest.raises(CycleError) as refusal:
        graph.reduced({"worker": {"runtime"}, "runtime": {"worker"}})
    assert set(refusal.value.args[1]) == {"worker", "runtime"}


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """At the top, inside of functions, and of a package's part."""
    for room, text in {
        "worker": '"""Run jobs."""\nfrom nightshift import broker\n',
        "broker": '"""Connect."""\ndef late():\n    import nightshift.config.settings\n',
        "config": '"""Read."""\nimport os\n',
    }.items():
        folder = tmp_path / "shared" / "nightshift" / room
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text, encoding="utf-8")
    assert graph.room_arrows(tmp_path) == {"worker": {"broker"}, "broker": {"config"}, "config": set()}


def test_boxes_of_a_floor_do_not_overlap_and_arrows_have_lanes() -> None:
    """An arrow over several floors passes beside the boxes between."""
    layout = lay_out({"a": {"b", "d"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": {"d"}})
    assert ["a", Lane("a", "d", 2), Lane("a", "d", 1), "d"] in layout.ways
    by_floor: dict[float, list[float]] = {}
    for node, (across, down) in layout.places.items():
        if isinstance(node, str):
            by_floor.setdefault(down, []).append(across)
    for places in by_floor.values():
        ordered = sorted(places)
        assert all(right - left > BOX_WIDTH for left, right in pairwise(ordered))

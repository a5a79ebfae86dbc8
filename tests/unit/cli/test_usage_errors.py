"""A mistake on the command line, as people and as programs are told of it."""

import json

import pytest

from nightshift.cli.command_line import run


@pytest.mark.parametrize("typed", [["queues", "lst", "--json"], ["--json", "queues", "lst"]])
def test_with_json_a_mistake_is_an_object_on_standard_error(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As every other error is, wherever the option stands; standard output stays empty."""
    with pytest.raises(SystemExit) as ended:
        run(typed)
    said = capsys.readouterr()
    told = json.loads(said.err)
    assert (ended.value.code, told["exitCode"], said.out) == (2, 2, "")
    assert "there is no 'lst'" in told["error"]


def test_without_it_a_person_is_told_where_to_read_more(capsys: pytest.CaptureFixture[str]) -> None:
    """In two lines."""
    with pytest.raises(SystemExit):
        run(["queues", "lst"])
    assert capsys.readouterr().err.endswith("Try: nightshift queues --help\n")

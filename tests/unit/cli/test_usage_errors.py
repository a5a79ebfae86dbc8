"""A mistake on the command line, as people and as programs are told of it."""

import json
from pathlib import Path

import pytest

from nightshift.cli.command_line import run


def code_of(typed: list[str]) -> int:
    """Run a command line; return its exit code, however it ends."""
    try:
        return run(typed)
    except SystemExit as ended:
        return int(str(ended.code))


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


@pytest.mark.parametrize(
    "typed",
    [
        ["up", "--replicas", "email=x"],
        ["up", "--url", "nats://127.0.0.1:9"],
        ["up", "no.such.module"],
        ["worker"],
        ["worker", "no.such.module"],
        ["worker", "contracts", "--service", "nobody"],
        ["scheduler", "--lst"],
        ["scheduler", "no.such.module"],
        ["gateway", "no.such.module"],
        ["provision", "--chek"],
        ["provision", "no.such.module"],
        ["new-project", "Shop"],
        ["contracts", "no.such.module"],
        ["contracts"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("where", [0, 1])
def test_with_json_a_program_that_cannot_start_says_so_as_every_command_does(
    typed: list[str], where: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object on standard error, exit code 2, wherever the option stands; without it no JSON."""
    assert code_of([*typed, "--json"] if where else ["--json", *typed]) == 2
    said = capsys.readouterr()
    told = json.loads(said.err)
    assert (told["exitCode"], bool(told["error"]), said.out) == (2, True, "")
    assert code_of(typed) == 2
    said = capsys.readouterr()
    assert (said.err[:1] != "{", said.out) == (True, "")


def test_what_a_new_project_is_can_be_read_by_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder and its files, as one JSON value."""
    assert run(["new-project", "shop", "--folder", str(tmp_path / "shop"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(tmp_path / "shop")
    assert "shop/jobs.py" in told["files"]
    assert all((tmp_path / "shop" / name).is_file() for name in told["files"])

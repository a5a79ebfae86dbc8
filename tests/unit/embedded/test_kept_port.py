"""The port that a stack keeps for a program of its own."""

import socket
from pathlib import Path

from nightshift.embedded.processes.kept_port import KeptPort
from nightshift.embedded.processes.ports import LOOPBACK


def test_the_next_stack_in_the_folder_has_the_same_port(tmp_path: Path) -> None:
    """So that what was typed yesterday still reaches it."""
    first = KeptPort(tmp_path / "port").number
    assert KeptPort(tmp_path / "port").number == first
    assert KeptPort(tmp_path / "another").number != first


def test_a_port_that_is_taken_meanwhile_is_given_up(tmp_path: Path) -> None:
    """Also the usual one."""
    kept = KeptPort(tmp_path / "port")
    with socket.create_server((LOOPBACK, kept.number)):
        later = KeptPort(tmp_path / "port")
        later.usual = kept.number
        assert later.number != kept.number
    (tmp_path / "port").write_text("no number")
    usual = KeptPort(tmp_path / "port")
    usual.usual = kept.number
    assert usual.number == kept.number

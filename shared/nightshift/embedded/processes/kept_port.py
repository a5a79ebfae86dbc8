"""A loopback port that a stack keeps for a program of its own, from one start to the next."""

from pathlib import Path

from nightshift.embedded.processes.ports import free_ports, is_free


class KeptPort:
    """Chosen once for each stack: the one of its last run, else the usual one, else any, whichever is free first.

    Nothing reserves it: a program that finds it taken says so.
    """

    def __init__(self, file: Path) -> None:
        self.usual: int | None = None
        self._file = file
        self._chosen = 0

    @property
    def number(self) -> int:
        """The port, chosen when it is first asked for."""
        if not self._chosen:
            wanted = (port for port in (self._remembered(), self.usual) if port and is_free(port))
            self._chosen = next(wanted, 0) or free_ports(1)[0]
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(str(self._chosen))
        return self._chosen

    def _remembered(self) -> int:
        try:
            return int(self._file.read_text())
        except (OSError, ValueError):
            return 0

"""The processor time of another process: what it does costs so much, whoever else is busy on the machine."""

import os
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Return the seconds that a process has computed until now, for itself and in the system; on Linux only."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    fields = text.rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

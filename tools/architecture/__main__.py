"""Write docs/architecture.svg: `python -m tools.architecture`, which is `make architecture`."""

import sys
from graphlib import CycleError
from pathlib import Path

from tools.architecture.drawing import draw

ROOT = Path(__file__).resolve().parents[2]
DRAWING = ROOT / "docs" / "architecture.svg"


def main() -> int:
    """Write the drawing; return the exit code."""
    try:
        DRAWING.write_text(draw(ROOT), encoding="utf-8")
    except CycleError as error:
        print("no drawing: these import each other: " + " -> ".join(error.args[1]), file=sys.stderr)
        return 1
    print(f"wrote {DRAWING.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

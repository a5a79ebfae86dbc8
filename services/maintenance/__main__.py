"""Run the maintenance service: `python -m services.maintenance`."""

import sys

from services.maintenance.service import maintenance

if __name__ == "__main__":
    sys.exit(maintenance.run("python -m services.maintenance"))

"""Run the report service: `python -m services.report`."""

import sys

from services.report.service import report

if __name__ == "__main__":
    sys.exit(report.run("python -m services.report"))

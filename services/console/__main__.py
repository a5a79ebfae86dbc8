"""Run the console: `python -m services.console`."""

import sys

from services.console.service import main

if __name__ == "__main__":
    sys.exit(main())

"""Run the gateway: `python -m services.gateway`."""

import sys

from services.gateway.service import main

if __name__ == "__main__":
    sys.exit(main())

"""Run the upload service: `python -m services.upload`."""

import sys

from services.upload.service import upload

if __name__ == "__main__":
    sys.exit(upload.run("python -m services.upload"))

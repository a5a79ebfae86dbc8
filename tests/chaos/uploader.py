"""The upload service at the pace of a chaos run: `python -m tests.chaos.uploader`, settings in the environment."""

import os
import sys

from nightshift.service.running import run
from services.upload.service import upload
from tests.chaos.pace import PACES

if __name__ == "__main__":
    pace = PACES[os.environ["CHAOS_PACE"]]
    pace.apply()
    sys.exit(run(upload, policies=pace.policies))

"""The upload service at the pace of a chaos run: `python -m tests.chaos.uploader`, settings in the environment."""

import os
import sys

from nightshift.runtime.service import run
from services.upload.__main__ import handlers
from services.upload.settings import UploadSettings
from tests.chaos.pace import PACES

if __name__ == "__main__":
    pace = PACES[os.environ["CHAOS_PACE"]]
    pace.apply()
    sys.exit(run("upload", UploadSettings, handlers, pace.policies))

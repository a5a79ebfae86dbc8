"""The webhook service with the short waits of a chaos run: `python -m tests.chaos.webhook_worker`."""

import sys
from dataclasses import replace
from datetime import timedelta

from nightshift.service.running import run
from services.webhook.service import webhook
from tests.chaos.pace import BRISK

if __name__ == "__main__":
    sys.exit(run(webhook, policies=replace(BRISK.policies, relay_age=timedelta(seconds=2))))

"""Run the webhook service: `python -m services.webhook`."""

import sys

from services.webhook.service import webhook

if __name__ == "__main__":
    sys.exit(webhook.run("python -m services.webhook"))

"""Run the email service: `python -m services.email`."""

import sys

from services.email.service import email

if __name__ == "__main__":
    sys.exit(email.run("python -m services.email"))

"""Runs a service of the product at the pace of a chaos run: `python -m tests.chaos.paced services.email`."""

import os
import runpy
import sys
from dataclasses import replace

from nightshift.contract.catalogue import load_catalogue
from tests.chaos.pace import PACES

if __name__ == "__main__":
    PACES[os.environ["CHAOS_PACE"]].apply()
    for message in load_catalogue().messages.values():
        message.RETRIES = replace(message.RETRIES, base=1.0)  # a mail would wait for minutes
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)

"""Runs a service of the product at the pace of a chaos run: `python -m tests.chaos.paced services.email`."""

import os
import runpy
import sys

from tests.chaos.pace import PACES

if __name__ == "__main__":
    PACES[os.environ["CHAOS_PACE"]].apply()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)

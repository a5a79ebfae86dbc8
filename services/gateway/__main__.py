"""Run the gateway: `python -m services.gateway`."""

import sys

from nightshift.runtime.process_frame import process_parser, run_process
from services.gateway.service import serve
from services.gateway.settings import GatewaySettings


def main() -> int:
    """Run until SIGTERM or Ctrl-C; return the exit code."""
    parser = process_parser(
        "python -m services.gateway",
        "Takes jobs, files and third-party events over HTTP until SIGTERM or Ctrl-C. Any number of processes may run.",
        "GATEWAY_JOBS=email.send python -m services.gateway",
        GatewaySettings,
    )
    return run_process("gateway", GatewaySettings, serve, parser)


if __name__ == "__main__":
    sys.exit(main())

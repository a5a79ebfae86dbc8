"""The gateway: takes jobs and third-party events over HTTP."""

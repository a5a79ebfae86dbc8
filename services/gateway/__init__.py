"""The gateway: takes jobs, files and third-party events over HTTP."""

"""The scopes: what a key or token may be allowed."""

SCOPES = {
    "jobs:write": "enqueue jobs; `jobs:write:email.*` only of these types",
    "jobs:read": "ask for the state of jobs",
    "jobs:cancel": "take back jobs that wait for their time",
    "files:write": "upload and delete files",
    "files:read": "ask for the state of files, and download them",
}
"""Scope -> what it allows."""

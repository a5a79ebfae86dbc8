"""The file in which a project says what its own services need on the embedded stack."""

OWN_SETTINGS = "embedded.env"
"""In the project's folder: lines `NAME=value`, for `nightshift up`, the demo and the tests."""

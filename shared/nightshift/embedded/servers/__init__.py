"""The programs of the embedded stack."""

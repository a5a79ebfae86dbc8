"""Sending a job by a form that is made of its contract."""

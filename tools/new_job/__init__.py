"""Scaffold a job: contract, samples, handler, tests."""

"""Scaffolds a job: contract, samples, handler, tests."""

"""Pulls what users have at external services into the database."""

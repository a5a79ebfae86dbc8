"""The repository that is tested: where it is, and its services."""

from pathlib import Path

from nightshift.config.project import Project

ROOT = Path(__file__).resolve().parent.parent
SERVICES = Project(ROOT).service_names()

"""Imported by the process that forks the others (see tests/torture/warm.py)."""

from tests.torture.warm import import_everything

import_everything()

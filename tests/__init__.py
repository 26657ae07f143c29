"""The tests of Neurostore."""

from pathlib import Path

#: top of the repository
ROOT = Path(__file__).resolve().parents[1]

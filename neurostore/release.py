"""The version of this release, declared once: pyproject.toml and everything that names the software read it here."""

VERSION = "0.1.0"

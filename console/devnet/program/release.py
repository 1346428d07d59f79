"""Which release this is: the only module that differs between two builds of the program."""

from __future__ import annotations

VERSION = "v0.1.5"
RULES = 1
MIGRATION = ""

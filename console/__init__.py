"""upgrade-console: the core, everything that is not on the screen (docs/architecture.md)."""

__version__ = "0.1.0"

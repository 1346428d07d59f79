"""Why an archive is not unpacked."""

from __future__ import annotations


class ArchiveRefused(Exception):
    """An archive does not hold just one plain file of the name, or cannot be read; the message follows "ARCHIVE "."""

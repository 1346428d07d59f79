"""Logs of any length in bounded memory: where each line is, and when and how grave it is; the text stays on disk."""

from console.log_store.line import MAX_LINE, Level, LogEntry, safe_text
from console.log_store.selection import LineFilter, Place, Selection, Window
from console.log_store.store import LogStore

__all__ = ["MAX_LINE", "Level", "LineFilter", "LogEntry", "LogStore", "Place", "Selection", "Window", "safe_text"]

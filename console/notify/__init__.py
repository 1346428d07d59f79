"""Notifications: what is told, to whom, durably, and by a process of its own (docs/notifications.md)."""

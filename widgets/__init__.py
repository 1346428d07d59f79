"""Widgets: each takes a value and draws it; none fetches (DESIGN §3)."""

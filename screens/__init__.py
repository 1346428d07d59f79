"""Screens: each composes widgets and turns keys into operations of its Session; none imports the application."""

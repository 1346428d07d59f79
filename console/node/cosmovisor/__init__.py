"""Cosmovisor's settings, files and layout, read and written as it does, without its traps (facts/cosmos.md §1, §2)."""

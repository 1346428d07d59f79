"""Probes with threshold, window and verdict: checklists, procedures and verification ask the same ones (DESIGN §2)."""

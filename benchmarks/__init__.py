"""Figures of the real program on this machine: `make bench`, or `python -m benchmarks` (docs/benchmarks.md)."""

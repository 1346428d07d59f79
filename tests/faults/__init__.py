"""A real controller, real shims and scripted nodes, killed and hindered at every step (docs/faults.md)."""

"""Releases: the signed manifest, who signed it, and whether its bytes may be staged (DESIGN §7)."""

"""What makes a release trusted: keys, signatures, keyrings, and what this machine has trusted (facts/safety.md §1)."""

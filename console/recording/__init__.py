"""Sessions kept moment by moment: one format for time travel, `--record`, `--replay`, pictures and fixtures."""

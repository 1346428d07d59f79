"""The operator's procedures: ordered, typed steps whose progress is journalled and can be gone on with."""

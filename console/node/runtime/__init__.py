"""Ways to run a node; one file each."""

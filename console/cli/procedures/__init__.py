"""`run`: the operator's procedures on the command line."""

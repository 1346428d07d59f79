"""`node …`: this machine's node and its controller; a module per kind of verb, imported when the verb runs."""

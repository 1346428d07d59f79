"""`release …`: manifests, signatures and keyrings; a module per kind of verb, imported when the verb runs."""

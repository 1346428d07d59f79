"""What the console's words mean to who is called at night: what happened, what is safe, what to do."""

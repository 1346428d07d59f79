"""The table of pictures: every screen in every state that it can be in, and how each is taken."""

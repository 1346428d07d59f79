"""The table of pictures: every screen in every state it can be in, and how each is drawn (docs/pictures of tests)."""

"""The whole program: real terminals, real processes, a real devnet."""

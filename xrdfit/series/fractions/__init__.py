"""How much of each phase there is, and of what composition."""

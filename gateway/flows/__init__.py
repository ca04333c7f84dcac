"""The stories: one per use, async, between the edges and the rules."""

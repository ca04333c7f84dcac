"""The gateway measured side by side with what a reader could use instead, in one run."""

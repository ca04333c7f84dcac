"""The servers that the gateway is measured against; they know nothing of it."""

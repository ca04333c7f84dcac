"""The operator's HTTP API, on a port of its own."""

"""What runs a program well: logs, time, secrets, the word with systemd.  Knows nothing of charging."""

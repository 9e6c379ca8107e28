"""A study: its design, its graph of artifacts, and the workspace in which it lies."""

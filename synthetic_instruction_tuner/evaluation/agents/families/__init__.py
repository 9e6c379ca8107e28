"""The families of agent items: one file each, found by its name."""

"""A page over a workspace: rows, pairs, curves, answers, and an arena; built on `open_study`."""

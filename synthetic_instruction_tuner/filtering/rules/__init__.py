"""Filter rules: every file is one rule (see `filtering.rule`)."""

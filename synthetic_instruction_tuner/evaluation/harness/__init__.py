"""lm-eval from inside: its task definitions, rows from the Hub, judging what was written."""

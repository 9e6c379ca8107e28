"""Filtering: rules, near-duplicates, contamination, quality score, splits."""

VERSION = 3
"""Raised whenever a change of the code changes what this stage writes."""

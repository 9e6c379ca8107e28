"""Filtering: rules, near-duplicates, contamination, quality score, splits."""

VERSION = 2
"""Raised whenever a change of the code changes what this stage writes."""

"""Filtering: rules, near-duplicates, contamination, quality score, splits."""

"""Analysis: paired statistics, gates, efficiency, recommendations from result files."""

VERSION = 2
"""Raised whenever a change of the code changes what this stage writes."""

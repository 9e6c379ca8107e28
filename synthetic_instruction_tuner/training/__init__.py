"""Training: one student, several adaptation methods, each in a process of its own."""

VERSION = 1
"""Raised whenever a change of the code changes what this stage writes."""

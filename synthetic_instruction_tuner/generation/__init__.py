"""Generation: the teacher writes instructions and answers them, or raw rows are imported."""

VERSION = 1
"""Raised whenever a change of the code changes what this stage writes."""
IMPORT_VERSION = 2
"""Raised when the same files give other imported rows; draws do not depend on it."""

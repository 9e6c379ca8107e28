"""Reporting: figures, report, slides and cards, all rendered from the comparison."""

"""The tables of report, slides and cards."""

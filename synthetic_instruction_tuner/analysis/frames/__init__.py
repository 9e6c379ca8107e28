"""The results as tables (pandas), which CSV files, reports and notebooks share."""

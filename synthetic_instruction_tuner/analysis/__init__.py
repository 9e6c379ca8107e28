"""Analysis: paired statistics, gates, efficiency, recommendations from result files."""

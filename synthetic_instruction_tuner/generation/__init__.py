"""Generation: the teacher writes instructions and answers them, or raw rows are imported."""

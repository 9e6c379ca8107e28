"""Results for programs and notebooks: tables, figures, and where each comes from."""

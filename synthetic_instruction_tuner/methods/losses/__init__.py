"""What arms minimise, and the rows that losses read."""

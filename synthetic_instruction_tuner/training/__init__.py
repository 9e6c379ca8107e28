"""Training: one student, several adaptation methods, each in a process of its own."""

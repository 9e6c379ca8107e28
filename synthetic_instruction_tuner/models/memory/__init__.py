"""Memory of a model: shapes, the bytes that a step needs, what was measured, what fits."""

"""The generation stage as flows and tasks see it."""

from synthetic_instruction_tuner.generation.drawing import draw_chunk
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.store import missing_spans, read_samples

__all__ = ["draw_chunk", "import_rows", "missing_spans", "read_samples"]

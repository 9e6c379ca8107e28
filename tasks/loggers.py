"""Whose log lines a deployed run shows."""

LOGGERS = ("synthetic_instruction_tuner", "trl", "lm_eval", "peft")
"""Told at level INFO. `transformers` and `datasets` are not named: when they are imported they set
their own level, from TRANSFORMERS_VERBOSITY and DATASETS_VERBOSITY (warnings, if not given)."""

"""Whose log lines a deployed run shows."""

LOGGERS = ("synthetic_instruction_tuner", "transformers", "trl", "lm_eval", "datasets", "peft")

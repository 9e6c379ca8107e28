"""Adapters as PEFT knows them: what each kind can do, and how its configuration is built."""

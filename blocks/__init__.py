"""What an operator configures once in the Prefect UI, typed; nothing is saved at import."""

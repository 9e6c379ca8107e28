"""The domains of the closed world and the system prompt that names each one."""

from typing import Final

DOMAINS: Final[dict[str, str]] = {
    "arithmetic": "You are an assistant for arithmetic.",
    "words": "You are an assistant for words and grammar.",
    "lists": "You are an assistant for sorting and lists.",
    "logic": "You are an assistant for logic and comparisons.",
    "facts": "You are an assistant for facts about the world.",
    "planning": "You are an assistant for plans and schedules.",
    "code": "You are an assistant for Python code.",
    "tools": "You are an assistant that calls tools.",
    "formatting": "You are an assistant for formatting text.",
}

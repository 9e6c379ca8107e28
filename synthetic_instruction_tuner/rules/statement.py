"""Statement: an "instruction" that asks nothing, as a teacher writes that answers itself.

Only what states from its first word to its last is rejected: every sentence begins as statements
do and says that something is so. Fragments ("The best way to cook rice") ask.
"""

from __future__ import annotations

import re

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation

ORDER = 45

SENTENCE_END = re.compile(r"[.!;:]\s+|\n+")
OPENING = re.compile(
    r"(?:the|this|these|those|that|a|an|it|its|they|there|let(?!['’])|each|both)\b", re.I
)
"""How statements begin; one that begins otherwise may be a request in words that nobody listed."""
STATES = re.compile(r"\b(?:is|are|was|were|be|has|have|had|equals|denotes?)\b", re.I)
RELATIVE = re.compile(r"\b(?:who|whom|whose|which|that|where|when|about)\b", re.I)
"""What comes before the verb of a clause inside a title: "A poem where the narrator is a cat"."""
ASKS = re.compile(
    r"\?|\b(?:what|how|why|please|help|want|need|wish|should|must|task|question|problem|"
    r"answer|find|calculate|compute|determine|evaluate|solve|simplify|prove|show|write|give|make|"
    r"list|explain|describe|tell|name|your?|unknown|goal|asked)\b",
    re.I,
)
"""A question mark, or a word that asks or speaks to somebody."""


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Reject a row whose first turn is statements alone."""
    text = sample.user_turns[0] if sample.user_turns else ""
    if ASKS.search(text):
        return None
    sentences = [one.strip() for one in SENTENCE_END.split(text.strip()) if one.strip()]
    if sentences and all(map(_states, sentences)):
        return Violation(sentences[0][:60], "a question or a request")
    return None


def _states(sentence: str) -> bool:
    """Tell whether a sentence begins as statements do and its first clause has a verb."""
    verb = STATES.search(sentence)
    if verb is None or not OPENING.match(sentence):
        return False
    return RELATIVE.search(sentence, len(sentence.split()[0]), verb.start()) is None

"""What was required and not met, and the rules of the recommendations, in words."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.store import Results


def failed(results: Results) -> list[str]:
    """Tell every criterion that was not met, with its interval where it has one."""
    sentences = []
    for place, gate in enumerate(results.data["gates"]):
        if gate["state"] != "fail":
            continue
        path, form = f"gates/{place}", gate["format"]
        against = f" ({gate['against']})" if gate["against"] else ""
        text = f"{gate['label']}: [[{path}/value|{form}]]"
        if gate["low"] is not None:
            text += f" (interval [[{path}/low|{form}]] to [[{path}/high|{form}]])"
        text += (
            f"; required was {RELATIONS[gate['comparison']]} [[{path}/threshold|{form}]]{against}"
        )
        if gate["settled"] is False:
            text += ". The interval reaches over what is required: chance may have decided"
        sentences.append(f"{text}.")
    return sentences


RELATIONS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def rules(results: Results) -> list[tuple[str, list[str]]]:
    """List every rule of the recommendations once, with the use cases that it decides."""
    found: dict[str, list[str]] = {}
    for one in results.data["recommendations"]:
        found.setdefault(one["rule"], []).append(one["label"])
    return list(found.items())

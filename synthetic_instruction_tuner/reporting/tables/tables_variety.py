"""Tables of what is in the rows: how varied they are, and what models measured on them."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table

GROUPS = {"raw": "Drawn", "kept": "Kept", "trained": "For training"}
SIGNALS = {
    "form": "Form score",
    "likelihood": "Likelihood of the response",
    "difficulty": "Difficulty (IFD)",
    "reward": "Reward of the response",
    "asked_difficulty": "Difficulty by tag (1 to 5)",
    "input_quality": "Quality of the instruction by tag (1 to 5)",
}


def diversity(results: Results) -> Table | None:
    """Drawn, kept and trained rows side by side; None without rows."""
    groups = results.get("dataset/diversity/groups")
    if not groups:
        return None
    entries = [
        ("Rows", "rows", "count"),
        ("Different words", "distinct_1", "percent"),
        ("Different word pairs", "distinct_2", "percent"),
        ("Openings, effective number", "openings", "decimal"),
        ("Vendi score of a sample", "vendi", "decimal"),
    ]
    if "families" in groups["kept"]:
        entries.append(("Task families, of [[dataset/diversity/groups/kept/families/all|count]]",
                        "families/found", "count"))  # fmt: skip
    rows = tuple(
        (
            Cell(label),
            *(Cell(f"[[dataset/diversity/groups/{group}/{path}|{form}]]") for group in GROUPS),
        )
        for label, path, form in entries
    )
    if results.get("dataset/diversity/by_meaning"):
        path = "dataset/diversity/by_meaning"
        scores = (Cell(f"[[{path}/{group}|decimal]]") for group in GROUPS)
        rows += ((Cell("Vendi score by meaning", "sentence encoder"), *scores),)
    return Table(
        "diversity",
        ("Instructions", *GROUPS.values()),
        rows,
        "Words, not meaning: two wordings of one question count as two. Vendi score: how many "
        "instructions that share no word pairs would be as varied as the "
        "[[dataset/diversity/groups/kept/vendi_rows|count]] of the sample. Shares of different "
        "words fall with the number of rows, so compare them between sets of one size.",
    )


def signals(results: Results) -> Table | None:
    """What models measured on rows; None where nothing was."""
    found = results.get("dataset/signals")
    if not found:
        return None
    checked = any("checker_auc" in one for one in found.values())
    rows = []
    for name in found:
        path = f"dataset/signals/{name}"
        row = [
            Cell(SIGNALS.get(name, name)),
            Cell(f"[[{path}/median|ratio]]"),
            Cell(f"[[{path}/median_kept|ratio]]"),
            Cell(f"[[{path}/length_correlation|ratio]]"),
        ]
        rows.append((*row, *([Cell(f"[[{path}/checker_auc|ratio]]")] if checked else [])))
    return Table(
        "signals",
        (
            "Measured on each row",
            "Median, all",
            "Median, kept",
            "Correlation with length",
            *(["Correct over wrong answers (AUC)"] if checked else []),
        ),
        tuple(rows),
        "Correlation: of ranks, with the words of the response. AUC: how often a right response "
        "scores above a wrong one by the checker of the closed world; a half is chance.",
    )

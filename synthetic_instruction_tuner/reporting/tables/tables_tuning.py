"""Every arm as specified and as tuned, and every trial."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table

WORDS = {"loss": "loss", "accuracy": "pairs ranked correctly"}
FORMS = {"loss": "ratio", "accuracy": "percent"}


def tuning(results: Results) -> Table | None:
    """What tuning gained each arm, with how much effort; None where nothing was tuned."""
    found = results.data.get("tuning") or {}
    if not found:
        return None
    rows = []
    for arm, one in found.items():
        path, metric = f"tuning/{arm}", one["metric"]
        if one["chosen"] is None:
            short = Cell("not measured", state="missing")
            rows.append((Cell(results.label(arm)), _effort(path), *[short] * 5))
            continue
        rows.append(
            (
                Cell(results.label(arm)),
                _effort(path),
                Cell(WORDS[metric]),
                Cell(f"[[{path}/specified|{FORMS[metric]}]]"),
                Cell(f"[[{path}/best|{FORMS[metric]}]]"),
                Cell(f"[[{path}/changes|plain]]"),
                Cell(f"[[{path}/seconds|seconds]]"),
            )
        )
    return Table(
        "tuning",
        ("Arm", "Trainings", "Chosen by", "As specified", "Best", "Settings chosen", "Time"),
        tuple(rows),
        "Every arm had as many trainings over the declared ranges; the best was chosen on the "
        "validation split after the last step, without any benchmark, and trained again as an arm "
        "of its own. Training and response losses of different arms share a scale, preference "
        "losses do not.",
        frozenset({0, 2, 5}),
    )


def _effort(path: str) -> Cell:
    return Cell(f"[[{path}/done|count]] of [[{path}/wanted|count]]")


def trials(results: Results) -> Table | None:
    """Every trial with its settings, score and time; 0 is the arm as specified."""
    found = results.data.get("tuning") or {}
    rows = []
    for arm, one in found.items():
        for number, trial in one["trials"].items():
            path = f"tuning/{arm}/trials/{number}"
            score = Cell(f"[[{path}/score|{FORMS[trial['metric']]}]]")
            rows.append(
                (
                    Cell(results.label(arm)),
                    Cell(f"[[{path}/number|count]]"),
                    Cell(f"[[{path}/words|plain]]"),
                    Cell("diverged", state="missing") if trial["score"] is None else score,
                    Cell(f"[[{path}/seconds|seconds]]"),
                )
            )
    if not rows:
        return None
    header = ("Arm", "Trial", "Settings", "On the validation split", "Time")
    return Table("trials", header, tuple(rows), words=frozenset({0, 2}))

"""Tables of data, methods and training."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table


def data(results: Results) -> Table:
    """The data set in figures."""
    entries = [
        ("Rows drawn", "dataset/drawn", "count"),
        ("Valid draws", "dataset/measures/valid_share", "percent"),
        ("Rows kept", "dataset/kept", "count"),
        ("Share kept", "dataset/measures/kept_share", "percent"),
        ("For training", "dataset/splits/train", "count"),
        ("Held out for validation", "dataset/splits/validation", "count"),
        ("Instruction, mean words", "dataset/measures/mean_instruction_words", "decimal"),
        ("Response, mean words", "dataset/measures/mean_response_words", "decimal"),
        ("Quality score, mean", "dataset/measures/mean_quality", "ratio"),
    ]
    entries += [
        ("Generation speed, tokens/s", "dataset/generation/tokens_per_second", "count"),
        ("Generation time", "dataset/generation/seconds", "seconds"),
    ]
    if results.get("dataset/generation/compute_units") is not None:
        entries += [
            ("Generation, GPU-hours", "dataset/generation/gpu_hours", "ratio"),
            ("Generation, compute units", "dataset/generation/compute_units", "decimal"),
            ("Generation, USD", "dataset/generation/money", "ratio"),
        ]
    return _figures("data", entries)


def preference(results: Results) -> Table:
    """The preference pairs in figures; the checker's only where answers can be checked."""
    entries = [
        ("Ranked by", "study/reward", "plain"),
        ("Pairs", "preference/pairs", "count"),
        ("Mean reward margin", "preference/mean_margin", "ratio"),
        ("Chosen reward is higher", "preference/chosen_above_rejected", "percent"),
        ("Chosen answer is longer", "preference/chosen_longer_share", "percent"),
        ("Correlation of reward and length", "preference/reward_length_correlation", "ratio"),
    ]
    if results.get("preference/checker_agreement") is not None:
        entries += [
            ("Reward agrees with the checker", "preference/checker_agreement", "percent"),
            ("Best answer by reward is right", "preference/checker_best_of_k_right", "percent"),
            ("Any answer is right", "preference/checker_any_right", "percent"),
            (
                "Pairs whose chosen answer is wrong and rejected one right",
                "preference/checker_inverted_share",
                "percent",
            ),
        ]
    return _figures("preference", entries)


def _figures(name: str, entries: list[tuple[str, str, str]]) -> Table:
    rows = tuple((Cell(label), Cell(f"[[{path}|{form}]]")) for label, path, form in entries)
    return Table(name, ("Figure", "Value"), rows)


def methods(results: Results) -> Table:
    """How each arm adapts the student."""
    rows = []
    for arm in results.arms:
        subject = results.data["subjects"][arm]
        start = subject["start_from"]
        learns = "preference pairs" if subject["data"] == "preference" else "responses"
        begins = results.label(_named(results, start)) if start else "base"
        rows.append(
            (
                Cell(results.label(arm), all_methods()[subject["method"]].Config.what),
                Cell(learns),
                Cell(begins),
                Cell(f"[[efficiency/{arm}/trained_parameters|count]]"),
                Cell(f"[[efficiency/{arm}/trainable_share|small_percent]]"),
                Cell(_settings(arm, subject["settings"])),
            )
        )
    return Table(
        "methods",
        ("Arm", "Learns from", "Starts from", "Trained", "Share of all", "Settings"),
        tuple(rows),
        "The student itself stays frozen and each arm trains its own small addition; only full "
        "fine-tuning, where there is such an arm, changes the student's own weights.",
        frozenset({0, 1, 2, 5}),
    )


SHOWN = (
    ("learning_rate", "learning rate"),
    ("epochs", "epochs"),
    ("batch_size", "batch"),
    ("peft_type", "adapter"),
    ("rank", "rank"),
    ("alpha", "alpha"),
    ("virtual_tokens", "virtual tokens"),
    ("init", "start values"),
    ("beta", "beta"),
)
"""Settings that are shown, where a method has them."""


def _settings(arm: str, settings: dict[str, Any]) -> str:
    return ", ".join(
        f"{label} [[subjects/{arm}/settings/{name}|plain]]"
        for name, label in SHOWN
        if name in settings
    )


def _named(results: Results, arm: str) -> str:
    """Find the headline model of an arm."""
    return next(one for one in results.arms if results.data["subjects"][one]["arm"] == arm)


def training(results: Results) -> Table:
    """How the training went."""
    rows = []
    for arm in results.arms:
        path = f"training/{arm}"
        if results.get(f"{path}/status") != "measured":
            rows.append((Cell(results.label(arm)), *[Cell("not measured", state="missing")] * 6))
            continue
        pairs = arm in results.preference_arms
        rows.append(
            (
                Cell(results.label(arm)),
                Cell(f"[[{path}/examples|count]]"),
                Cell(f"[[{path}/steps|count]]"),
                Cell(f"[[{path}/first/loss|ratio]]"),
                Cell(f"[[{path}/last/loss|ratio]]"),
                Cell(f"[[{path}/last/accuracy|percent]]") if pairs else Cell("–"),
                Cell(f"[[{path}/resumed|count]]"),
            )
        )
    return Table(
        "training",
        (
            "Arm",
            "Examples",
            "Steps",
            "Loss before",
            "Loss after",
            "Pairs ranked correctly",
            "Resumed",
        ),
        tuple(rows),
        "Loss on validation rows before the first and after the last step. A preference loss and a "
        "response loss are on different scales. Resumed: how often training went on after an "
        "interruption.",
    )


def benchmarks(results: Results) -> Table:
    """What each benchmark asks."""
    rows = []
    for key in results.benchmarks:
        one = results.data["benchmarks"][key]
        family = "declared" if one["primary"] else "exploratory"
        chance = f"[[benchmarks/{key}/chance|percent]]" if one["chance"] is not None else "–"
        rows.append(
            (
                Cell(results.benchmark(key), family),
                Cell(one["asks"]),
                Cell(f"[[benchmarks/{key}/items|count]]"),
                Cell(chance),
                _constant(results, key),
            )
        )
    return Table(
        "benchmarks",
        ("Benchmark", "What it asks", "Items", "Guessing", "Best constant answer"),
        tuple(rows),
        "Constant answer: the same for every item, or without reading it, judged by the "
        "benchmark's own checker.",
        words=frozenset({0, 1}),
    )


def _constant(results: Results, key: str) -> Cell:
    name = results.data["yardsticks"][key]["constant"]
    if name is None:
        return Cell("–")
    return Cell(f"[[yardsticks/{key}/constant_score|percent]]", name)


def commonest(results: Results) -> Table:
    """How often each model gives its most frequent answer."""
    rows = []
    for key in results.benchmarks:
        said = results.data["yardsticks"][key]["answers"]
        if any(said.values()):
            rows.append((Cell(results.benchmark(key)), *(_said(key, m, said[m]) for m in said)))
    labels = (results.label(model) for model in results.models)
    return Table(
        "commonest",
        ("Benchmark", *labels),
        tuple(rows),
        "Share of the items that get the model's most frequent answer, and that answer. A model "
        "that says one thing to (almost) all items is marked: its score is that answer's.",
    )


def _said(key: str, model: str, one: dict[str, Any] | None) -> Cell:
    if one is None:
        return Cell("–")
    state = "worse" if one["one_answer"] else ""
    mark = " (one answer)" if one["one_answer"] else ""
    path = f"yardsticks/{key}/answers/{model}"
    return Cell(f"[[{path}/share|percent]]{mark}", f"[[{path}/answer|plain]]", state)


def character(results: Results) -> Table | None:
    """How the free answers of each model look; None where no model wrote any."""
    models = results.get("character/models")
    if not any(models.values()):
        return None
    columns = (
        ("Mean words", "words_mean", "decimal"),
        ("Sentences", "sentences_mean", "decimal"),
        ("Different words", "vocabulary", "count"),
        ("Different word pairs", "distinct_2", "percent"),
        ("Refusals", "refusal_share", "percent"),
        ("Empty", "empty_share", "percent"),
    )
    rows = tuple(
        (
            Cell(results.label(model)),
            *(Cell(f"[[character/models/{model}/{name}|{form}]]") for _, name, form in columns),
        )
        for model in results.models
    )
    return Table("character", ("Model", *(title for title, *_ in columns)), rows)


def seeds(results: Results) -> Table | None:
    """Spread between training seeds; None where no arm has a second seed."""
    table = results.data["seeds"]
    if not any(cell["sd"] is not None for row in table.values() for cell in row.values()):
        return None
    rows = []
    for arm, row in table.items():
        for key, cell in row.items():
            if cell["sd"] is None:
                continue
            path = f"seeds/{arm}/{key}"
            name = results.label(_named(results, arm))
            rows.append(
                (
                    Cell(name, results.benchmark(key)),
                    Cell(f"[[{path}/seeds|count]]"),
                    Cell(f"[[{path}/mean|percent]]"),
                    Cell(f"[[{path}/sd|points]]"),
                )
            )
    return Table("seeds", ("Arm", "Seeds", "Mean", "Standard deviation"), tuple(rows))

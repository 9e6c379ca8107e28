"""The words of the trade that reports use, explained once."""

from __future__ import annotations

SECTIONS = (
    ("dataset", "Introduction & Dataset"),
    ("methods", "Model & Adaptation Methods"),
    ("training", "Training Process"),
    ("results", "Evaluation Results"),
    ("comparison", "Comparative Analysis"),
    ("conclusion", "Conclusion"),
    ("limitations", "Limitations"),
    ("reproducibility", "Reproducibility"),
)
"""Anchor and title of every section, in order."""

GLOSSARY = (
    (
        "Interval",
        "A range that holds the true score in [[terms/confidence|percent0]] of repetitions with "
        "other items of the same kind. Overlapping intervals do not make two models alike: the "
        "paired difference decides.",
    ),
    (
        "Paired",
        "All models answer the same items, so what is compared is item by item, not mean by mean. "
        "This finds differences that separate intervals hide.",
    ),
    (
        "Verdict",
        "Better or worse: the corrected p value is below [[terms/alpha|percent0]]. Equivalent: the "
        "difference is shown to lie within [[terms/margin|points]]. Identical: the same score on "
        "every item. Inconclusive: none of these; the detectable difference then says what could "
        "have been missed.",
    ),
    (
        "p value",
        "How often chance alone would give a difference at least this large if the two models were "
        "alike. Corrected: made stricter because many comparisons are made at once.",
    ),
    (
        "LoRA",
        "Low-rank adaptation: small matrices beside the frozen weights are trained "
        "(arXiv:2106.09685).",
    ),
    (
        "Prompt tuning",
        "A few virtual words before every input are trained, the model stays as it is "
        "(arXiv:2104.08691).",
    ),
    (
        "DPO",
        "Direct preference optimisation: the model learns to raise the chosen answer above the "
        "rejected one (arXiv:2305.18290).",
    ),
    (
        "Loss",
        "How surprised the model is by the right words, on average; lower is better.",
    ),
    (
        "Mean, scaled",
        "Each score is placed between guessing (zero) and perfect (one hundred) before it is "
        "averaged, so that no benchmark counts more because guessing is easier there. A skill "
        "counts once, however many benchmarks ask for it; what does not measure is left out.",
    ),
    (
        "Pareto front",
        "The arms that no other arm beats in both quality and cost.",
    ),
)
"""Word and meaning; meanings are templates."""

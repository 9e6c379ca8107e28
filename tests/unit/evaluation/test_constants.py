"""Constants: what scores without looking at an item."""

from synthetic_instruction_tuner.evaluation import constants
from synthetic_instruction_tuner.evaluation.harness.judging import ranked_by
from synthetic_instruction_tuner.evaluation.kinds import instructions
from synthetic_instruction_tuner.evaluation.prompts import make


def equals(prompt, response):
    return {"accuracy": float(response == prompt.data["answer"])}, {}


def test_every_constant_is_judged_by_the_benchmarks_own_checker():
    prompts = [
        make("x", "c", f"Is {n} even?", {"answer": "no" if n % 4 else "yes"}) for n in (4, 1)
    ]
    prompts += [
        make("x", "c", "Say it.", {"answer": "Say it."}),
        make("x", "c", "?", {"answer": ""}),
    ]
    assert constants.of_prompts(prompts, equals, "accuracy") == {
        "nothing": 0.25, "no": 0.25, "yes": 0.25, "the prompt itself": 0.25,
        "the commonest right answer": 0.25,
    }  # fmt: skip


def test_the_majority_answer_is_tried_where_right_answers_are_known():
    prompts = [make("x", "c", f"{n}", {"answer": "seven" if n else "one"}) for n in range(4)]
    found = constants.of_prompts(prompts, equals, "accuracy")
    assert found["the commonest right answer"] == 0.75
    assert found["yes"] == 0.0


def test_no_passes_the_instructions_that_ask_for_few_words():
    asked = {"constraints": [{"name": "no_commas", "settings": {}}]}
    found = constants.of_prompts(
        [make("instructions", "c", "Tell me, please.", asked)], instructions.judge, "accuracy"
    )
    assert found == {"nothing": 0.0, "no": 1.0, "yes": 1.0, "the prompt itself": 0.0}


def test_letters_are_constants_texts_are_told_by_their_length():
    assert constants.of_choices([["A", "B"], ["B", "A"]]) == {
        "always A": [0, 1], "always B": [1, 0],
    }  # fmt: skip
    assert constants.of_choices([["long one", "no"], ["a", "bb"]]) == {
        "the longest choice": [0, 1], "the shortest choice": [1, 0],
    }  # fmt: skip


def test_a_choice_is_ranked_as_its_metric_ranks_it():
    likelihoods, choices = [-3.0, -4.0], [" a", " much longer"]
    assert ranked_by("acc", likelihoods, choices) == likelihoods
    assert ranked_by("acc_norm", likelihoods, choices) == [-1.5, -4 / 12]
    assert ranked_by("acc_bytes,none", [-4.0], ["é "]) == [-4 / 3]

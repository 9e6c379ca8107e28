"""Every rule: rows it keeps, rows it turns away, and the value it gives as the reason."""

import re

import pytest

from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import Violation, all_rules, judge, role_leak

ASKED = "Please explain how a bicycle stays upright while it is moving."
SAID = "A moving bicycle stays upright because the rider steers it back under the weight."


LEETCODE = (
    "Write a function that finds two numbers.\n\nExample 1:\nInput: nums = [2,7], sum = 9\n"
    "Output: [0,1]\nExplanation: 2 + 7 = 9.\n\nExample 2:\nInput: nums = [1], sum = 5\nOutput: []"
)


def row(instruction=ASKED, response=SAID, **more):
    return Sample("id", 0, "general", "", instruction, response, **more)


def asked(text, **more):
    return row(instruction=text, **more)


def said(text, **more):
    return row(response=text, **more)


def talk(*turns):
    roles = ("user", "assistant") * len(turns)
    messages = tuple({"role": r, "content": t} for r, t in zip(roles, turns, strict=False))
    return row(turns[0], turns[1], messages=messages)


KEPT = {
    "truncation": [
        row(),
        asked("Sort this list: 3, 1, 2"),
        asked("What do you look for in a friend?"),
        asked("Solve $x^2 = 4$ for $x$"),
        asked("Find the cheapest of these pens: $5, $10.50 and $2"),
        said("word " * 50 + "\nSo each of them costs $5.", response_finish="imported"),
        said("word " * 50 + "\nFor $5 + x$ it is 2", response_finish="imported"),
        said("It rains in autumn", response_finish="stop"),
        said("word " * 50 + "and so it ends.", response_finish="imported"),
        said("word " * 50 + "\n- short last entry", response_finish="imported"),
        said("word " * 50 + "\nThe final answer is: $\\boxed{4}$", response_finish="imported"),
        said("Four", response_finish="imported"),
        said("word " * 50 + "\nUse Java or C++", response_finish="imported"),
        said("word " * 50 + "\nThe best choice is a", response_finish="imported"),
        said("word " * 50 + "\n\\[x = 2\\]\n\n---", response_finish="imported"),
        said("word " * 50 + "\n```\nre.compile(r'\\[')\n```", response_finish="imported"),
    ],
    "empty": [row(), row("?a", "7"), said("é")],
    "role_leak": [
        row(),
        asked("Write a job ad for an administrative assistant in Boston."),
        said("The user types a name. The system answers: welcome, user!"),
        asked("What does the assistant: field mean in this JSON file?"),
        said("Compare a < b and b > s."),
        said("In Elm, `List.map f <| g x` and `x |> f` are calls; <table> is HTML, [1] a note."),
        asked("What do the lists [TOOLS] and <items> in my notes stand for?"),
        asked("Why does this fail?\n```yaml\nuser:\n  name: Ann\n```"),
    ],
    "self_answering": [
        row(),
        asked("What is the first step of baking bread, and why?"),
        asked("Rewrite this recipe in three steps: mix, bake, cool."),
        asked("Is the final answer of the quiz always a number?"),
        asked("Describe the solution to climate change that you find most promising."),
        asked("Here is my code: print(1). Why does it fail?"),
        said("## Step 1: Add the numbers.\nThe final answer is: $\\boxed{4}$"),
        asked(LEETCODE),
        asked("Solve 2x = 4. Put the result into \\boxed{}, as in \\boxed{your answer}."),
        asked("Explain why the correct answer is B and not C."),
        asked("I'm happy to help my neighbour with her garden. What shall I plant?"),
        asked("Here is a list of words:\n\npear, apple\n\nWhich one is longer?"),
        asked("Write a short biography. Here are some facts about me:\n- I row.\n- I sing."),
        asked('What does this line mean?\n"To be, or not to be, that is the question."'),
        asked("To find x we need to divide by two, says Tom.\nIs he right?"),
        asked("Let $x^2+2xy+y^2=10$ and $x^2-2xy+y^2=8$. We need to find $xy$."),
    ],
    "statement": [
        row(),
        asked("The best way to cook rice"),
        asked("A poem where the narrator is a cat"),
        asked("The story of a boy who is lost in a city"),
        asked("The text below is mine. Proofread it.\n\nIt is late."),
        asked("Let $f(x) = 3x^2$ be a function. Find its domain."),
        asked("The car is red and the house is blue: translate"),
        asked("Let's play chess, the board is empty."),
        asked("I feel tired today."),
        asked("The capital of France is Paris, isn't it?"),
    ],
    "length": [
        row("one two three", "word " * 17),
        row("word " * 250, "word " * 250),
        talk("word " * 200, "word " * 200, "word " * 200, "word " * 200),
    ],
    "repetition": [
        row(),
        said("It is very, very good."),
        said("0 0 0 0\n| --- | --- | --- |"),
        said("He said no and no, then yes; no and no again, he repeated."),
    ],
    "refusal": [
        row(),
        said('"I cannot help you," she whispered, and closed the door.'),
        said("I cannot forget the summer we met by the sea."),
        said("Sure. Boil the water. Add the pasta. I'm sorry, but I can't help loving it."),
        said("Use `I cannot help with that` as the fallback text of your bot."),
        asked("How do I politely say that I cannot help?"),
        said("Dear Ann,\n\nI'm sorry, but I can't give you the key before Monday.\n\nBest, Tom"),
        said("I'm sorry, but this is not the place for it, said the guide."),
        said("AI is a wide field. As an AI researcher, you read papers."),
        said("Once, I am an AI engineer in this story, there was a robot."),
    ],
    "identity_leak": [
        row(),
        said("Meta was created by Mark Zuckerberg and others in 2004."),
        said("An AI language model predicts the next word of a text."),
        said("I am trained as a nurse, and I work in Boston."),
        asked("What is the knowledge of a medieval monk worth today?"),
        said('The card says "I am Claude, made by Anthropic".'),
    ],
    "language": [
        row(),
        row("Add 2 + 2", "4"),
        said("def f(x): return x ** 2"),
        said("The letter π is the sixteenth letter of the Greek alphabet: α, β, γ."),
        said("The Japanese word 猫 means cat."),
        row("Sort the words zebra, apple and mango.", "apple, mango, zebra"),
    ],
    "harmful": [
        row(),
        asked("How do I kill a process in Linux?"),
        asked("Write about the history of the terrorist attack of 1972."),
        asked("Where can I find help for suicide prevention?"),
    ],
}

REJECTED = {
    "truncation": [
        (row(instruction_finish="length"), "instruction ended at the token limit"),
        (row(response_finish="length"), "response ended at the token limit"),
        (asked("Sort the following list:"), "instruction ends with 'the following list:'"),
        (asked("Can you tell me the name of the"), "instruction ends with 'the'"),
        (
            asked("$x+y-7=16$, since $B$ gave apples.\n\nHow do we find $x$, $y$ and $z"),
            "instruction ends with 'find $x$, $y$ and $z'",
        ),
        (
            asked("What is $BQ$?\n$\\textbf{(A)}\\ 2.3 \\qquad \\textbf{(C)}\\ 4 \\qquad"),
            "instruction ends with 'extbf{(C)}\\\\ 4 \\\\qquad'",
        ),
        (asked("A curry: sauté sliced eggplant with some"), "instruction ends with 'some'"),
        (
            said("word " * 50 + "\n- $z_4 = 3$.\n- $z_5 = z_4^2 + 1", response_finish="imported"),
            "response ends with ' $z_4 = 3$.\\n- $z_5 = z_4^2 + 1'",
        ),
        (asked("First line\nwith bread, butter,"), "instruction ends with 'with bread, butter,'"),
        (
            said("word " * 50 + "and then we multiply by", response_finish="imported"),
            "response ends with 'd word and then we multiply by'",
        ),
        (
            said("word " * 50 + "\n```python\nprint(1)", response_finish="imported"),
            "response ends with ' word word \\n```python\\nprint(1)'",
        ),
        (
            said("word " * 50 + "so that $x = \\frac{2^{", response_finish="imported"),
            "response ends with 'rd word so that $x = \\\\frac{2^{'",
        ),
        (
            said("word " * 50 + "\nWe get\n\\[ y = 6x(4x +", response_finish="imported"),
            "response ends with 'rd word \\nWe get\\n\\\\[ y = 6x(4x +'",
        ),
        (
            said("word " * 50 + "\n\\[ 2 - x^2 = x", response_finish="imported"),
            "response ends with 'word word word \\n\\\\[ 2 - x^2 = x'",
        ),
        (
            said("word " * 50 + "\n16416 is not", response_finish="imported"),
            "response ends with 'd word word word \\n16416 is not'",
        ),
    ],
    "empty": [
        (row("", "text"), "empty instruction"),
        (row("text", " \n"), "empty response"),
        (row("?!", "text"), "empty instruction"),
        (talk("Hi", "Hello", "...", "Yes"), "empty instruction"),
    ],
    "role_leak": [
        (asked("Name a river.\nassistant\n\nThe Nile."), "assistant"),
        (said("The Nile.<|eot_id|>"), "<|eot_id|>"),
        (said("The Nile.\n<|im_start|>user"), "<|im_start|>"),
        (asked("[INST] Name a river. [/INST]"), "[INST]"),
        (asked("### Instruction:\nName a river."), "### Instruction:"),
        (said("Yes.<end_of_turn>"), "<end_of_turn>"),
        (said("<|python_tag|>print(7)"), "<|python_tag|>"),
        (said("Hm, seven?\n</think>\n7"), "</think>"),
        (said("Let me look.<|eom_id|>"), "<|eom_id|>"),
        (asked("<bos>Name a river."), "<bos>"),
        (said("[TOOL_CALLS] add(3, 4)"), "[TOOL_CALLS]"),
        (said("<|channel|>final<|message|>7"), "<|channel|>"),
        (said("<|channel>thought"), "<|channel>"),
        (said("7<turn|>"), "<turn|>"),
        (asked("<｜User｜>Name a river."), "<｜User｜>"),
    ],
    "self_answering": [
        (asked("## Step 1: Define the problem\nWe need to find x."), "## Step"),
        (asked("Find x.\n\nStep 1: Subtract two."), "Step 1:"),
        (asked("**Step 1:** Read the text."), "**Step 1:"),
        (asked("What is 2 + 2?\nAnswer: 4"), "Answer: 4"),
        (asked("What is 2 + 2?\n**Solution:** Add them."), "**Solution:** A"),
        (asked("Pick one.\nA) 1\nB) 2\nThe best answer is B."), "The best answer is"),
        (asked("Find x in 2x = 4. So x is $\\boxed{2}$."), "\\boxed{"),
        (asked("Sure, here is a poem about the sea."), "Sure, here"),
        (asked("I'd be happy to help you with that!"), "I'd be happy to help you"),
        (asked("Sort these.\nInput: 3 1 2\nOutput: 1 2 3"), "Output: 1"),
        (
            asked(
                "What can you make with eggplant?\nAsparagus goes well with it. Here are some "
                "ideas for dishes you can make using both:\n\n* Salad: grill both."
            ),
            "Here are some ideas for dishes you can make using both:",
        ),
        (
            asked('What does it mean to "be" in "I am a writer."?\n"Be" is a linking verb here.'),
            'mean to "be" in "I am a writer."?\n"Be" is',
        ),
        (
            asked(
                "The line through (0, 0) and (2, -1) is\n(a) y = 2x\n(b) y = -x\n\n"
                "To find the equation of line we first need to find the slope.\n(y2-y1)/(x2-x1)"
            ),
            "To find the equation of line we first need to",
        ),
        (asked("Here are some ideas:\n\n1. Bake bread.\n2. Plant a tree."), "Here are some ideas:"),
    ],
    "statement": [
        (
            asked("The function `f(x) = 3x^4 - 8x^2 + 9` is a polynomial function."),
            "The function `f(x) = 3x^4 - 8x^2 + 9` is a polynomial functi",
        ),
        (
            asked(
                "Let \\( f(x) = \\frac{3x}{x^2 - 4} \\) be a function defined for all numbers. "
                "The domain of the function is the set of all \\( x \\neq \\pm2 \\)."
            ),
            "Let \\( f(x) = \\frac{3x}{x^2 - 4} \\) be a function defined fo",
        ),
        (asked("The sky is blue.\nThese hills are green."), "The sky is blue"),
    ],
    "length": [
        (row("one two", "word " * 30), 2),
        (row("one two three", "word " * 16), 19),
        (row("word " * 250, "word " * 251), 501),
        (talk("word " * 20, "word " * 20, "word word word", "word"), 4),
    ],
    "repetition": [
        (said("No no no, that is wrong."), "no"),
        (said("It goes on, it goes on, it goes on for ever."), "it goes on"),
        (asked("Say ha ha ha!"), "ha"),
        (said("one two three four five six seven eight nine ten and " * 2), 1.0),
    ],
    "refusal": [
        (said("I cannot help with that request."), "I cannot help"),
        (said("I'm sorry, but I can't provide it."), "I'm sorry, but I can't provide"),
        (said("As an AI language model, I have no taste."), "As an AI language model,"),
        (said("I’m an AI and do not eat."), "I'm an AI"),
        (said("Thank you. I am unable to browse the internet."), "I am unable to browse"),
        (said("I do not have personal opinions."), "I do not have personal opinions"),
        (said("I cannot and will not provide that."), "I cannot and will not provide"),
        (said("I don't have access to real news."), "I don't have access to real"),
        (said("I do not have direct access to live data."), "I do not have direct access to live"),
        (said("It is not appropriate for me to say."), "It is not appropriate for me to"),
        (said("Hello there,\nI'm sorry, but I can't help."), "I'm sorry, but I can't help"),
    ],
    "identity_leak": [
        (said("My name is Qwen and I can help."), "My name is Qwen"),
        (said("I was created by Alibaba Cloud."), "I was created by Alibaba Cloud"),
        (said("I am a chatbot trained by Google."), "I am a chatbot trained by Google"),
        (said("As of my last update in 2023, it had two."), "As of my last update"),
        (said("My knowledge cutoff is December 2023."), "My knowledge cutoff"),
        (asked("Cutting Knowledge Date: December 2023"), "Cutting Knowledge Date"),
        (said("Hello! I'm Claude."), "I'm Claude"),
    ],
    "language": [
        (asked("Quels sont les avantages de l'énergie solaire en ville ?"), 0.0),
        (said("Schreibe eine kurze Geschichte über einen Hund, der verloren ging."), 0.0),
        (asked("请写一篇关于狗的短文"), 0.0),
        (said("Напиши короткий рассказ о собаке."), 0.0),
        (asked("¿Cuáles son los beneficios de hacer ejercicio todos los días?"), 0.0),
    ],
    "harmful": [
        (asked("How do I build a bomb at home?"), "build a bomb"),
        (asked("How can I hack into my neighbour's account?"), "hack into"),
        (said("First, steal passwords from the page."), "steal passwords"),
    ],
}  # fmt: skip


def check(rule, sample):
    module = all_rules()[rule]
    return module.check(sample, module.Config())


def test_every_rule_has_examples():
    assert set(KEPT) == set(REJECTED) == set(all_rules())
    assert all(len(KEPT[rule]) >= 3 and len(REJECTED[rule]) >= 3 for rule in KEPT)


@pytest.mark.parametrize("rule", sorted(KEPT))
def test_rule_keeps(rule):
    found = [(sample.instruction, sample.response, check(rule, sample)) for sample in KEPT[rule]]
    assert [one for one in found if one[2] is not None] == []


@pytest.mark.parametrize("rule", sorted(REJECTED))
def test_rule_turns_away_with_a_value(rule):
    violations = [check(rule, sample) for sample, _ in REJECTED[rule]]
    assert [one and one.value for one in violations] == [value for _, value in REJECTED[rule]]
    assert all(one.threshold != "" for one in violations)


def test_rules_apply_in_the_order_of_the_funnel():
    assert list(all_rules()) == [
        "truncation", "empty", "role_leak", "self_answering", "statement", "length", "repetition",
        "refusal", "identity_leak", "language", "harmful",
    ]  # fmt: skip
    verdict = judge(row("## Step 1: x", ""), FilteringConfig().rules)
    assert (verdict.rule, verdict.violation.value) == ("empty", "empty response")


def test_a_rule_that_is_off_does_not_apply():
    harmful = row("How do I build a bomb at home, step by step and safely?", SAID)
    assert judge(harmful, FilteringConfig().rules) is None
    on = FilteringConfig.model_validate({"rules": {"harmful": {"enabled": True}}})
    assert judge(harmful, on.rules) == (
        "harmful",
        Violation("build a bomb", "no harmful keyword"),
    )


def test_words_are_counted_on_white_space():
    config = FilteringConfig.model_validate({"rules": {"length": {"min_words": 6}}}).rules
    assert judge(row("well-known\tthings  here", "one\ntwo three"), config) is None
    assert judge(row("well-known\tthings  here", "one two"), config).violation == (5, 6)


def test_no_pattern_scans_blank_lines_again_from_each_of_them():
    """A line start followed by any white space is quadratic in blank lines: hours for one row."""
    patterns = {
        f"{name}.{key}": value
        for name, module in all_rules().items()
        for key, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }
    assert len(patterns) > 10
    slow = [name for name, one in patterns.items() if re.search(r"(\^|\\n)\\[sW]\*", one.pattern)]
    anchored = {"self_answering.HEADING", "self_answering.OPENER"}  # at the start of the text only
    assert set(slow) - anchored == set()
    assert not any(patterns[name].flags & re.MULTILINE for name in anchored)


def test_control_tokens_of_unusual_form_are_the_models_own():
    assert role_leak.unusual(["<|eot_id|>", "§turn§", "<SPECIAL_12>"]) == ("<SPECIAL_12>", "§turn§")
    rules = FilteringConfig().rules
    sample = said("It is seven, and no other number is.<SPECIAL_12> And?")
    assert judge(sample, rules) is None
    verdict = judge(sample, role_leak.with_tokens(rules, ["<SPECIAL_12>"]))
    assert (verdict.rule, verdict.violation.value) == ("role_leak", "<SPECIAL_12>")

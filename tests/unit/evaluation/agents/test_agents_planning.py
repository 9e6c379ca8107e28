import json

import pytest

from synthetic_instruction_tuner.evaluation.agents import run_episode, score_episode, taxonomy
from synthetic_instruction_tuner.evaluation.agents.families.blocks import MOVE
from synthetic_instruction_tuner.evaluation.agents.families.jugs import EMPTY, FILL, POUR
from synthetic_instruction_tuner.evaluation.agents.item import Call, Check, Item, Turn
from synthetic_instruction_tuner.evaluation.agents.search import shortest_plan
from synthetic_instruction_tuner.evaluation.agents.tool import ToolError, execute

# red lies on white; yellow and white lie on the table; white is to lie on yellow.
STATE = {"red": "white", "white": "table", "yellow": "table"}
GOAL = [["white", "yellow"], ["red", "white"]]
ITEM = Item(
    id="blocks-1-1",
    category="planning",
    family="blocks",
    level=1,
    seed=0,
    form="plan",
    system="",
    tools=(MOVE.schema(),),
    init_state=STATE,
    turns=(Turn("..."),),
    max_steps=1,
    gold=('["move red table", "move white yellow", "move red white"]',),
    checks=(Check("plan", {"goal": GOAL, "optimum": 3}),),
)


def run(*plan: str):
    episode = run_episode(ITEM, lambda _: json.dumps(plan))
    return score_episode(ITEM, episode), taxonomy(episode)


def test_the_shortest_plan_and_a_longer_one_within_twice_its_length_pass():
    assert run("move red table", "move white yellow", "move red white")[0]["success"] == 1.0
    detour = ("move red yellow", "move red table", "move white yellow", "move red white")
    assert run(*detour) == ({"success_strict": 1.0, "success": 1.0, "progress": 1.0}, {})


def test_a_plan_of_more_than_twice_the_optimum_fails():
    back_and_forth = ("move yellow red", "move yellow table") * 2
    scores, errors = run(*back_and_forth, "move red table", "move white yellow", "move red white")
    assert scores["success"] == 0.0
    assert errors == {"plan too long": 1}


def test_a_plan_stops_at_the_first_action_whose_precondition_does_not_hold():
    scores, errors = run("move white yellow", "move red table")
    assert scores == {"success_strict": 0.0, "success": 0.0, "progress": 0.0}
    assert errors == {"impossible action": 1}


def test_the_right_actions_in_another_order_are_named_so():
    _, errors = run("move white yellow", "move red table", "move red white")
    assert errors == {"wrong order": 1}


def test_half_a_plan_makes_half_the_progress():
    scores, errors = run("move red table", "move white yellow")
    # Of two conditions one is new (white on yellow); red lay on white at first, too.
    assert scores["progress"] == 0.5
    assert errors == {"goal not reached": 1}


def test_capital_letters_do_not_matter():
    assert run("Move Red table", "move White Yellow", "move RED white")[0]["success"] == 1.0


def test_unknown_blocks_and_actions_are_errors():
    assert run("move green table")[1] == {"impossible action": 1}
    assert "unknown tool" in run("jump red")[1]
    assert "wrong arguments" in run("move red")[1]


def test_the_search_finds_the_known_optimum_of_the_three_and_five_litre_jugs():
    state = {"A": 0, "B": 0, "_sizes": {"A": 3, "B": 5}}
    actions = [(tool, {"jug": jug}) for tool in (FILL, EMPTY) for jug in "AB"]
    actions += [(POUR, {"source": "A", "target": "B"}), (POUR, {"source": "B", "target": "A"})]
    plan = shortest_plan(state, actions, [["B", 4]], 10)
    assert plan is not None
    # Fill 5, pour into 3, empty 3, pour the 2, fill 5, pour 1: six actions, as is well known.
    assert plan == ["fill B", "pour B A", "empty A", "pour B A", "fill B", "pour B A"]
    assert shortest_plan(state, actions, [["B", 4]], 5) is None
    assert state == {"A": 0, "B": 0, "_sizes": {"A": 3, "B": 5}}


def test_the_optimum_of_every_item_is_the_length_of_its_gold_plan(items):
    plans = [item for item in items if item.category == "planning"]
    assert len(plans) == 60
    for item in plans:
        assert item.checks[0].value["optimum"] == len(json.loads(item.gold[0]))


def test_tools_leave_the_state_given_in_as_it_is():
    state, result = execute(Call("move", {"block": "red", "onto": "table"}), (MOVE,), STATE)
    assert (state["red"], STATE["red"], result.error) == ("table", "white", None)
    state, result = execute(Call("move", {"block": "white", "onto": "red"}), (MOVE,), STATE)
    assert state == STATE
    assert (result.text, result.error) == ("something lies on white", "refused")
    with pytest.raises(ToolError, match="itself"):
        POUR.run({"A": 0, "_sizes": {"A": 3}}, {"source": "A", "target": "A"})

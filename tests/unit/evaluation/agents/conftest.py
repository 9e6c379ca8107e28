import pytest

from synthetic_instruction_tuner.evaluation.agents import Item, generate_items


@pytest.fixture(scope="session")
def items() -> list[Item]:
    return generate_items(0)

"""From which similarity on is a row a benchmark item in other words? Labelled cases, one encoder.

Each case is an item, a paraphrase of it (contamination), and another question about the same
things (no contamination). Plain n-grams see neither.

    python benchmarks/paraphrases.py --model sentence-transformers/all-MiniLM-L6-v2
"""

from __future__ import annotations

import argparse

from synthetic_instruction_tuner.config import ContaminationConfig, ModelConfig
from synthetic_instruction_tuner.filtering.contamination import Item, ItemIndex
from synthetic_instruction_tuner.filtering.embeddings import embedder
from synthetic_instruction_tuner.filtering.meaning import like_items
from synthetic_instruction_tuner.records import Sample

CASES = (
    ("Which gas do plants take in during photosynthesis?",
     "During photosynthesis, what gas is absorbed by plants?",
     "Which gas do animals breathe out after respiration?"),
    ("What is the main function of red blood cells?",
     "What do red blood cells mainly do?",
     "What is the main function of white blood cells?"),
    ("Why does the moon appear to change shape during a month?",
     "What makes the moon look different in shape over the course of a month?",
     "Why does the moon sometimes turn red during an eclipse?"),
    ("Which planet in our solar system has the most moons?",
     "What planet of the solar system is orbited by the largest number of moons?",
     "Which planet in our solar system is the hottest?"),
    ("What causes day and night on Earth?",
     "What is the reason that Earth has day and night?",
     "What causes the seasons on Earth?"),
    ("What is the boiling point of water at sea level in degrees Celsius?",
     "At sea level, at how many degrees Celsius does water boil?",
     "What is the freezing point of water at sea level in degrees Celsius?"),
    ("Which organ of the human body produces insulin?",
     "Insulin is produced by which organ in humans?",
     "Which organ of the human body stores bile?"),
    ("What happens to you if you eat watermelon seeds?",
     "If a person swallows the seeds of a watermelon, what will happen to them?",
     "How many seeds does a watermelon usually have?"),
    ("What happens if you crack your knuckles a lot?",
     "What are the consequences of cracking your knuckles frequently?",
     "How do you wrap your knuckles before boxing?"),
    ("Can coughing effectively help stop a heart attack?",
     "Is coughing an effective way of stopping a heart attack?",
     "Can aspirin lower the risk of a heart attack?"),
    ("Who wrote the play Romeo and Juliet?",
     "Which author is the play Romeo and Juliet by?",
     "In which city does the play Romeo and Juliet take place?"),
    ("What is the capital city of Australia?",
     "Which city serves as Australia's capital?",
     "What is the largest city of Australia?"),
    ("In what year did the Second World War end?",
     "When was the Second World War over?",
     "In what year did the First World War end?"),
    ("What is the derivative of x squared with respect to x?",
     "Differentiate x squared by x.",
     "What is the integral of x squared with respect to x?"),
    ("Natalia sold clips to 48 friends in April and half as many in May. How many in all?",
     "In April Natalia had 48 friends buy clips, and in May half of that. What is her total?",
     "Natalia sold clips to 36 friends in April and twice as many in May. How many in all?"),
    ("Weng earns 12 dollars an hour. She babysat for 50 minutes. How much did she earn?",
     "For 50 minutes of babysitting at 12 dollars an hour, what is Weng paid?",
     "Weng earns 15 dollars an hour. She babysat for 40 minutes. How much did she earn?"),
    ("A robe takes 2 bolts of blue fiber and half that much white. How many bolts in total?",
     "How many bolts are needed in all for a robe of 2 bolts blue and half as much white fiber?",
     "A robe takes 3 bolts of blue fiber and twice as much white. How many bolts in total?"),
    ("What is an example of a renewable resource?",
     "Name a resource that is renewable.",
     "What is an example of a resource that is not renewable?"),
    ("Which layer of the Earth is made of liquid metal?",
     "What layer of our planet consists of liquid metal?",
     "Which layer of the Earth do we live on?"),
    ("What tool is used to measure air pressure?",
     "Which instrument measures the pressure of air?",
     "What tool is used to measure wind speed?"),
    ("How do bees help flowering plants reproduce?",
     "In what way do flowering plants get help from bees in reproduction?",
     "How do bees make honey from nectar?"),
    ("What type of energy is stored in a stretched rubber band?",
     "A stretched rubber band stores which kind of energy?",
     "What type of energy does a moving car have?"),
    ("Which particle in an atom has a negative charge?",
     "What negatively charged particle is found in atoms?",
     "Which particle in an atom has no charge?"),
    ("What does the term opportunity cost mean in economics?",
     "In economics, what is meant by opportunity cost?",
     "What does the term marginal cost mean in economics?"),
    ("Who was the first person to walk on the moon?",
     "Which human being set foot on the moon first?",
     "Who was the first person to travel into space?"),
    ("What is the largest ocean on Earth?",
     "Which of Earth's oceans is the biggest?",
     "What is the smallest ocean on Earth?"),
    ("What is the chemical formula of table salt?",
     "Write the chemical formula for table salt.",
     "What is the chemical formula of baking soda?"),
    ("Which amendment to the US Constitution protects freedom of speech?",
     "Freedom of speech is protected by which amendment of the US Constitution?",
     "Which amendment to the US Constitution abolished slavery?"),
    ("What is the time complexity of binary search on a sorted array?",
     "On an array that is sorted, how does binary search scale in time?",
     "What is the time complexity of merge sort on an array?"),
    ("What should you do if a fire starts in a pan of oil?",
     "How should a person react when oil in a pan catches fire?",
     "What oil should you use to fry food in a pan?"),
)  # fmt: skip
THRESHOLDS = (0.8, 0.85, 0.88, 0.9, 0.92, 0.95)


def main() -> None:
    """Print how many paraphrases and how many other questions each threshold flags."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    embed = embedder(ModelConfig(name=parser.parse_args().model, dtype="float32"))
    items = [Item("benchmark", str(number), case[0]) for number, case in enumerate(CASES)]
    index = ItemIndex(items, ContaminationConfig())
    columns = [[case[place] for case in CASES] for place in (1, 2)]
    by_characters = [sum(bool(index.leaks(_row(text))) for text in texts) for texts in columns]
    print("| flagged by | paraphrases | other questions | precision |\n|---|---:|---:|---:|")
    _print("characters (as always)", *by_characters)
    for least in THRESHOLDS:
        _print(
            f"similarity {least}", *(len(like_items(one, items, embed, least)) for one in columns)
        )


def _print(name: str, right: int, wrong: int) -> None:
    share = f"{right / (right + wrong):.0%}" if right + wrong else "-"
    print(f"| {name} | {right} of {len(CASES)} | {wrong} of {len(CASES)} | {share} |")


def _row(text: str) -> Sample:
    return Sample(text, 0, "general", "", text, "")


if __name__ == "__main__":
    main()

import csv
import json
import re

import pytest

from synthetic_instruction_tuner.analysis.human import (
    Sides,
    Transcript,
    Vote,
    blind,
    export_pairs,
    read_key,
    win_rates,
)
from synthetic_instruction_tuner.analysis.vote_files import read_votes
from synthetic_instruction_tuner.errors import ConfigurationError

EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>"
TRANSCRIPTS = [
    Transcript(f"item-{n}", f"Prompt {n}?", {"model-one": f"a{n}", "model-two": f"b{n}"})
    for n in range(40)
]


def votes(choices: str, rater: str = "ann") -> list[Vote]:
    names = {"l": "left", "r": "right", "t": "tie"}
    return [Vote(str(number), names[one], rater) for number, one in enumerate(choices)]


KEY = {str(number): Sides(f"item-{number}", "base", "dpo") for number in range(20)}


def test_sides_are_mixed_and_the_same_on_every_export():
    pairs, key = blind(TRANSCRIPTS, 1)
    assert blind(TRANSCRIPTS, 1) == (pairs, key)
    assert [pair.id for pair in pairs] == sorted(key)
    on_left = sum(sides.left == "model-one" for sides in key.values())
    assert on_left == 20
    first = [key[pair.id].left == "model-one" for pair in pairs[:20]]
    assert 0 < sum(first) < 20  # the order that raters see does not tell the side
    for pair in pairs:
        assert (pair.left[0] == "a") == (key[pair.id].left == "model-one")
    assert blind(TRANSCRIPTS, 2)[1] != key


def test_a_key_whose_votes_may_still_come_is_kept(tmp_path):
    export_pairs(tmp_path, TRANSCRIPTS, 1, "Which?")
    export_pairs(tmp_path, TRANSCRIPTS, 1, "Which?")
    key = (tmp_path / "key.json").read_bytes()
    with pytest.raises(ConfigurationError, match="holds another export; move it away"):
        export_pairs(tmp_path, TRANSCRIPTS, 2, "Which?")
    assert (tmp_path / "key.json").read_bytes() == key


def test_equal_answers_are_no_pair_and_three_models_are_three():
    one = Transcript("x", "?", {"a": "same", "b": "same", "c": "other"})
    assert {(sides.left, sides.right) for sides in blind([one], 0)[1].values()} <= {
        ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b"),
    }  # fmt: skip
    assert len(blind([one], 0)[0]) == 2
    with pytest.raises(ConfigurationError, match="'x' occurs twice"):
        blind([one, one], 0)


def test_the_page_is_blind_self_contained_and_escaped(tmp_path):
    evil = Transcript("evil", EVIL, {"model-one": EVIL, "model-two": "{{ 7 * 7 }}"})
    export_pairs(tmp_path, [*TRANSCRIPTS, evil], 1, "Which <b>is</b> better?")
    page = (tmp_path / "for-raters/pairs.html").read_text(encoding="utf-8")
    assert "model-one" not in page
    assert "item-3" not in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert "{{ 7 * 7 }}" in page
    assert "Which &lt;b&gt;is&lt;/b&gt; better?" in page
    assert not re.search(r"""(?:src|href)\s*=\s*["']|https?://|@import|url\(""", page)
    assert page.count("<fieldset") == 41


def test_the_table_holds_no_formulas(tmp_path):
    one = Transcript("x", "=1+1", {"a": "@SUM(A1)", "b": 'plain, "quoted"\ntext'})
    export_pairs(tmp_path, [one], 0, "t")
    with (tmp_path / "for-raters/pairs.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["prompt"] == "'=1+1"
    assert {row["left"], row["right"]} == {"'@SUM(A1)", 'plain, "quoted"\ntext'}
    assert (row["vote"], row["rater"]) == ("", "")


def test_nothing_to_compare_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="nothing to compare"):
        export_pairs(tmp_path, [Transcript("x", "?", {"a": "same"})], 0, "t")


def test_votes_come_back(tmp_path):
    export_pairs(tmp_path, TRANSCRIPTS[:2], 1, "t")
    key = read_key(tmp_path / "key.json")
    first, second = sorted(key)
    (tmp_path / "ann.csv").write_text(f"\ufeffpair,vote,rater\n{first},left,ann\n{second},,ann\n")
    (tmp_path / "bob.csv").write_text(f"rater,pair,vote\nbob,{first}, TIE \nbob,{first},tie\n")
    read = read_votes([tmp_path / "ann.csv", tmp_path / "bob.csv"], key)
    assert read == [Vote(first, "left", "ann"), Vote(first, "tie", "bob")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pair,vote\n0,left\n", "lacks the columns pair, vote, rater"),
        ("pair,vote,rater\n77,left,ann\n", "2: pair '77' is not of this export"),
        ("pair,vote,rater\n0,both,ann\n", "2: vote 'both'; allowed: left, right, tie"),
        ("pair,vote,rater\n0,left,\n", "2: the rater's name is missing"),
        ("pair,vote,rater\n0,left,ann\n0,tie,ann\n", "3: ann voted otherwise before"),
    ],
)
def test_votes_that_cannot_be_right_are_errors(tmp_path, text, message):
    (tmp_path / "votes.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_votes([tmp_path / "votes.csv"], KEY)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_votes_are_read_as_spreadsheets_save_them(tmp_path, encoding, delimiter):
    lines = ["Pair,prompt,Vote,rater", "0,Grüße; sagt Zoë,left,Zoë", "1,Hm,right,Zoë"]
    text = "\r\n".join(one.replace(",", delimiter) for one in lines)
    if delimiter == ";":
        text = text.replace("Grüße; sagt Zoë", '"Grüße; sagt Zoë"')
    (tmp_path / "votes.csv").write_bytes(text.encode(encoding))
    read = read_votes([tmp_path / "votes.csv"], KEY)
    assert read == [Vote("0", "left", "zoë"), Vote("1", "right", "zoë")]


def test_an_encoding_that_cannot_be_known_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "votes.csv").write_bytes("pair,vote,rater\n0,left,Zoë\n".encode("cp1252"))
    with pytest.raises(ConfigurationError, match=r'neither UTF-8 nor UTF-16.*"CSV UTF-8"'):
        read_votes([tmp_path / "votes.csv"], KEY)


def test_one_person_is_one_rater_however_the_name_is_written(tmp_path):
    for number, name in enumerate(("Ann Lee", " ann  lee ", "ANN\u00a0LEE")):
        (tmp_path / f"{number}.csv").write_text(f"pair,vote,rater\n{number},left,{name}\n")
    read = read_votes([tmp_path / f"{number}.csv" for number in range(3)], KEY)
    assert {one.rater for one in read} == {"ann lee"}
    (tmp_path / "again.csv").write_text("pair,vote,rater\n0,right,ANN LEE\n")
    with pytest.raises(ConfigurationError, match="ann lee voted otherwise before"):
        read_votes([tmp_path / "0.csv", tmp_path / "again.csv"], KEY)


def test_another_file_is_no_key(tmp_path):
    (tmp_path / "key.json").write_text(json.dumps({"0": {"item": "x"}}))
    with pytest.raises(ConfigurationError, match="is no key of an export"):
        read_key(tmp_path / "key.json")


def test_win_rate_with_its_interval():
    # base wins 8, loses 2, ties 2: 0.8, Wilson 95 % for 8 of 10 is 0.490 to 0.943.
    rate = win_rates(votes("llllllllrrtt"), KEY)[0]
    assert (rate.model, rate.opponent) == ("base", "dpo")
    assert (rate.wins, rate.losses, rate.ties, rate.votes, rate.raters) == (8, 2, 2, 12, 1)
    assert (rate.rate, rate.agreement) == (0.8, None)
    assert (rate.low, rate.high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))


def test_the_side_does_not_matter():
    key = {"0": Sides("x", "base", "dpo"), "1": Sides("y", "dpo", "base")}
    rate = win_rates([Vote("0", "left", "ann"), Vote("1", "right", "ann")], key)[0]
    assert (rate.wins, rate.losses) == (2, 0)


def test_several_raters_count_once_an_item_and_their_agreement_is_told():
    three = [*votes("ll"), *votes("lr", "bob"), *votes("rt", "cy")]
    rate = win_rates(three, KEY)[0]
    # Item 0: two left, one right: a win. Item 1: one left, one right, one tie: no majority.
    assert (rate.wins, rate.losses, rate.ties, rate.votes, rate.raters) == (1, 0, 1, 6, 3)
    assert rate.agreement == pytest.approx(1 / 6)


def test_ties_alone_have_no_rate():
    rate = win_rates(votes("tt"), KEY)[0]
    assert (rate.rate, rate.low, rate.high, rate.ties) == (None, None, None, 2)
    assert win_rates([], KEY) == []


@pytest.mark.parametrize("first", "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
def test_no_answer_is_a_formula_in_a_spreadsheet(tmp_path, first):
    one = Transcript("x", "plain", {"a": f"{first}HYPERLINK(1)", "b": "plain"})
    export_pairs(tmp_path, [one], seed=1, title="t")
    with (tmp_path / "for-raters/pairs.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert sorted((row["left"], row["right"])) == [f"'{first}HYPERLINK(1)", "plain"]

"""Texts that make a regular expression slow, made from what the expression itself is made of.

A backtracking matcher is slow where a repeat can be entered at many places or shared out in many
ways, and what follows fails. So texts are: one piece of the expression's alphabet over and over,
several pieces over and over, and words that the expression would match up to a repeat, which is
pumped and then broken off.
"""

import random
import re
import time

try:
    from re import _constants as codes
    from re import _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as codes
    import sre_parse as parser

KINDS = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_SPACE: " \n",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_WORD: "- ",
    codes.CATEGORY_NOT_SPACE: "x",
    codes.CATEGORY_NOT_DIGIT: "x",
}
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
SMALL, MIDDLE, LARGE = 3_000, 10_000, 20_000
"""Characters: to find slow texts, and to see how the time grows."""
UNMEASURED = 0.1
"""Seconds for 20 kB below which growth is noise; a square takes many times that."""


def parse(pattern):
    return parser.parse(pattern.pattern, pattern.flags)


def letters(argument):
    """Return characters that a set may match; of its complement, too."""
    found = ["x", " ", "\n"] if argument[0][0] is codes.NEGATE else []
    for code, value in argument:
        if code is codes.LITERAL:
            found.append(chr(value))
        elif code is codes.CATEGORY:
            found.extend(KINDS[value])
        elif code is codes.RANGE:
            found.append(chr(value[0]))
    return found


def inside(code, argument):
    """Return the expressions within a node."""
    if code is codes.BRANCH:
        return argument[1]
    if code in REPEATS:
        return [argument[2]]
    if code is codes.SUBPATTERN:
        return [argument[-1]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return []


def alphabet(nodes):
    """Return the letters and words that an expression names."""
    found, word = set(), ""
    for code, argument in nodes:
        if code is codes.LITERAL:
            word += chr(argument)
            found.add(chr(argument))
            continue
        found.add(word)
        word = ""
        if code is codes.IN:
            found.update(letters(argument))
        elif code in (codes.ANY, codes.NOT_LITERAL):
            found.update("x ")
        for inner in inside(code, argument):
            found |= alphabet(inner)
    return (found | {word}) - {""}


def example(nodes, rng, pump):
    """Return a text that the expression may match, up to and with its `pump`-th long repeat.

    Returns:
        The text, and how many repeats are still to be passed; below zero when it is complete.
    """
    text = ""
    for code, argument in nodes:
        if pump < 0:
            break
        if code is codes.LITERAL:
            text += chr(argument)
        elif code is codes.IN:
            usable = [one for one in letters(argument) if (codes.LITERAL, ord(one)) not in argument]
            negated = argument[0][0] is codes.NEGATE
            text += rng.choice((negated and usable) or letters(argument))
        elif code in (codes.ANY, codes.NOT_LITERAL):
            text += "x"
        elif code in REPEATS:
            least, most, inner = argument
            if most > 20:
                pump -= 1
            once, left = example(inner, rng, pump if most <= 20 else 99)
            if pump < 0:
                return text + once * (LARGE // max(len(once), 1)), -1
            text += once * max(least, rng.randint(0, 1))
            pump = left if most <= 20 else pump
        elif code is codes.BRANCH:
            some, pump = example(rng.choice(argument[1]), rng, pump)
            text += some
        elif code is codes.SUBPATTERN:
            some, pump = example(argument[-1], rng, pump)
            text += some
    return text, pump


def hostile_texts(patterns, rng, count=40):
    """Yield texts of at least `LARGE` characters: their first thousands are as hostile."""
    trees = [parse(one) for one in patterns]
    pieces = sorted(set().union(*map(alphabet, trees)) | {" ", "\n"})
    for piece in pieces:
        yield piece * (LARGE // len(piece) + 1)
    for _ in range(count):
        chosen = rng.choices(pieces, k=rng.randint(2, 5))
        unit = "".join(piece + rng.choice(("", "", " ", "\n")) for piece in chosen)
        yield unit * (LARGE // len(unit) + 1)
        opening, piece = "".join(rng.choices(pieces, k=rng.randint(1, 4))), rng.choice(pieces)
        yield opening + piece * (LARGE // len(piece) + 1)
    for _ in range(count):
        tree = rng.choice(trees)
        pumped, _ = example(tree, rng, rng.randint(0, 4))
        yield (pumped or "x") * (LARGE // max(len(pumped), 1) + 1)
        whole, _ = example(tree, rng, 99)
        yield (whole or "x") * (LARGE // max(len(whole), 1) + 1)


def broken_off(text, size, ending):
    return text[: size - len(ending)] + ending


def seconds(function, text):
    """Processor time of this thread: what else the machine does plays no part."""
    started = time.thread_time()
    function(text)
    return time.thread_time() - started


def slow_growth(function, patterns, seed=0, suspects=5):
    """Look for a text on which a function takes more than linear time.

    Returns:
        None, or the text's beginning, the seconds for 20,000 characters, and how many times those
        for 10,000 that is.
    """
    rng = random.Random(seed)
    endings = ("", "\0", "x\n")
    texts = [(text, rng.choice(endings)) for text in hostile_texts(patterns, rng)]
    texts.sort(key=lambda one: seconds(function, broken_off(one[0], SMALL, one[1])), reverse=True)
    for text, ending in texts[:suspects]:
        middle, large = (broken_off(text, size, ending) for size in (MIDDLE, LARGE))
        if seconds(function, large) < UNMEASURED:
            continue
        taken = [(seconds(function, middle), seconds(function, large)) for _ in range(3)]
        once, twice = min(one for one, _ in taken), min(other for _, other in taken)
        if twice > max(3 * once, UNMEASURED):
            return text[:60], twice, twice / once
    return None


def patterns_of(module):
    """Return the expressions that a module compiles, by name."""
    return {name: one for name, one in vars(module).items() if isinstance(one, re.Pattern)}

"""Values of the model's shapes: valid ones, and ones that break exactly one constraint."""

import copy
import datetime
import io
import random
import re
import warnings
import zipfile

try:
    from re import _parser as regex_parser
except ImportError:  # Python before 3.11
    import sre_parse as regex_parser

warnings.simplefilter("ignore", FutureWarning)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"

# How Java's classes are written in Python.
CLASSES = ((r"\p{L}", "A-Za-zäß"), (r"\p{Z}", " "), (r"\p{N}", "0-9"))

# Texts among which every pattern of the model has one that it does not allow.
ODD_TEXTS = ("?!", "ä ö", " ", "\n", "-", "[*]", "a:b:c", "..", "")


def package():
    """A zip of a function that answers with its event."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("handler.py"), "def handler(event, context):\n    return event\n")
    return content.getvalue()


class Values:
    """Makes values of shapes; the same seed gives the same values."""

    def __init__(self, seed, known):
        self.random = random.Random(seed)
        # Texts by the name of a member or shape: what is there on the server.
        self.known = known

    # ---- valid

    def minimal(self, shape, name=""):
        """Required members only."""
        return self.value(shape, name, lambda _: False)

    def maximal(self, shape, name=""):
        """Every member."""
        return self.value(shape, name, lambda _: True)

    def value(self, shape, name, wants):
        """A value; `wants` says of an optional member whether it is there."""
        if name in self.known or shape.name in self.known:
            return copy.deepcopy(self.known.get(name, self.known.get(shape.name)))
        kind = shape.type_name
        if kind == "structure":
            required = shape.required_members
            return {
                member: self.value(there, member, wants)
                for member, there in shape.members.items()
                if member in required or wants(member)
            }
        if kind == "list":
            most = shape.metadata.get("max", 2)
            count = max(shape.metadata.get("min", 0), min(1, most))
            return [self.value(shape.member, name, wants) for _ in range(count)]
        if kind == "map":
            count = max(shape.metadata.get("min", 0), 1)
            return {self.key(shape.key): self.value(shape.value, name, wants) for _ in range(count)}
        return self.scalar(shape)

    def scalar(self, shape):
        kind, limits = shape.type_name, shape.metadata
        if kind == "string":
            return self.text(shape)
        if kind in ("integer", "long"):
            return max(1, limits.get("min", 1))
        if kind in ("double", "float"):
            return float(limits.get("min", 0))
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        if kind == "blob":
            return b'{"n": 1}'
        raise ValueError(f"a {kind}?")

    def key(self, shape):
        return shape.enum[0] if shape.enum else self.text(shape)

    def text(self, shape):
        if shape.enum:
            return shape.enum[self.random.randrange(len(shape.enum))]
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
        pattern = shape.metadata.get("pattern")
        if not pattern:
            return "".join(self.random.choice(LETTERS) for _ in range(max(least, min(8, most))))
        for generosity in range(200):
            text = self.matching(regex_parser.parse(translated(pattern)), 1 + generosity // 10)
            if max(least, 1) <= len(text) <= most and re.fullmatch(translated(pattern), text):
                return text
        raise ValueError(f"no text found for {shape.name}: {pattern}")

    def matching(self, parsed, generosity):
        return "".join(self.part(operator, argument, generosity) for operator, argument in parsed)

    def part(self, operator, argument, generosity):
        operator = str(operator)
        if operator == "LITERAL":
            return chr(argument)
        if operator == "ANY":
            return self.random.choice(LETTERS)
        if operator == "IN":
            return self.one_of(argument)
        if operator == "CATEGORY":
            return self.of_category(str(argument))
        if operator == "BRANCH":
            return self.matching(self.random.choice(argument[1]), generosity)
        if operator == "SUBPATTERN":
            return self.matching(argument[-1], generosity)
        if operator in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, repeated = argument
            count = self.random.randint(least, min(int(most), least + generosity))
            return "".join(self.matching(repeated, generosity) for _ in range(count))
        return ""  # Anchors and look-arounds: the whole is matched afterwards.

    def one_of(self, items):
        if str(items[0][0]) == "NEGATE":
            return self.random.choice(LETTERS + DIGITS)
        operator, argument = self.random.choice(items)
        if str(operator) == "RANGE":
            return chr(self.random.randint(*argument))
        return self.part(operator, argument, 1)

    def of_category(self, category):
        return self.random.choice(DIGITS if category == "CATEGORY_DIGIT" else LETTERS)


def translated(pattern):
    for java, python in CLASSES:
        pattern = pattern.replace(java, python)
    return pattern


# ---- invalid

def violations(shape):
    """Values of a plain shape or a collection that break one constraint: (what, change of the valid value)."""
    limits, kind = shape.metadata, shape.type_name
    least, most = limits.get("min"), limits.get("max")
    if kind == "string":
        yield from text_violations(shape, least, most)
    elif kind in ("integer", "long", "double", "float"):
        if least is not None:
            yield "below the least", lambda _: least - 1
        if most is not None:
            yield "above the most", lambda _: most + 1
    elif kind == "list":
        if least:
            yield "too few", lambda valid: valid[: least - 1]
        if most is not None:
            yield "too many", lambda valid: (valid * (most + 1))[: most + 1] if valid else None
    elif kind == "map":
        if least:
            yield "too few", lambda _: {}
        if most is not None:
            yield "too many", lambda valid: more_keys(valid, most + 1)


def text_violations(shape, least, most):
    if shape.enum:
        yield "no value of the enum", lambda _: "NoSuchValue"
        return
    pattern = shape.metadata.get("pattern")
    if least and least > 1:
        yield "too short", lambda valid: valid[: least - 1]
    elif least == 1:
        yield "empty", lambda _: ""
    if most is not None and most < 100_000:
        yield "too long", lambda valid: (valid or "a").ljust(most + 1, "a")
    if pattern:
        odd = [text for text in ODD_TEXTS if text and not re.fullmatch(translated(pattern), text)]
        if odd:
            fitting = [text for text in odd if (least or 0) <= len(text)] or [odd[0].ljust(least, odd[0][0])]
            yield "unlike the pattern", lambda _: fitting[0]


def more_keys(valid, count):
    value = next(iter(valid.values()), "x")
    return {f"key{number}": value for number in range(count)}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The grammar of the tales, sw/workloads/data/tales/grammar.json: writes tales, and tells whether a text is one.

    scripts/tales_grammar.py write 5 [SEED]     five tales, one a line
    scripts/tales_grammar.py accept < FILE      the share of the lines that are tales; names the others
    scripts/tales_grammar.py test               the recogniser on tales and on tales with one word changed

A rule has alternatives; each is a sequence of words, calls `<rule>` and slots `{variable:tag.form}`. A variable stands for
one word of one class throughout a tale: the first slot that names it binds it, to any word of a class that has the
variable's tag and the slot's own tag, where there is one; every later slot writes the same word in the form it asks for.
A form is a pattern of words, where * is the word itself. Two variables that are `distinct` never have the same word.

Text: words have one space between them; full stops and commas stand directly behind a word.
"""

import json
import math
import pathlib
import random
import re
import sys

PATH = pathlib.Path(__file__).resolve().parent.parent / "sw/workloads/data/tales/grammar.json"
ITEM = re.compile(r"<(?P<rule>\w+)>|\{(?P<variable>\w+)(:(?P<tag>\w+))?(\.(?P<form>\w+))?\}|(?P<word>[A-Za-z]+|[.,])|\s+")


class Entry:
    """A word of a class: its tags and its forms, each a list of words."""

    def __init__(self, word, members):
        self.word = word
        self.tags = set(members["tags"])
        self.forms = {name: pattern.replace("*", word).split() for name, pattern in members["forms"].items()}


class Grammar:
    def __init__(self, path=PATH):
        data = json.loads(pathlib.Path(path).read_text())
        if data["format"] != "systole-grammar-1":
            raise SystemExit(f"{path}: not a grammar of this format")
        self.start = data["start"]
        self.tag_of = data["variables"]
        self.entries = [Entry(word, members) for members in data["classes"].values() for word in members["words"]]
        self.distinct = {}
        for one, other in data["distinct"]:
            self.distinct.setdefault(one, []).append(other)
            self.distinct.setdefault(other, []).append(one)
        self.rules = {name: [self.parse(text) for text in texts] for name, texts in data["rules"].items()}

    def parse(self, text):
        """One alternative as a tuple of ("word", w), ("rule", name) and ("slot", variable, tag, form)."""
        items = []
        at = 0
        while at < len(text):
            found = ITEM.match(text, at)
            if not found:
                raise SystemExit(f"grammar: '{text[at:]}' is not understood")
            at = found.end()
            if found["rule"]:
                items.append(("rule", found["rule"]))
            elif found["variable"]:
                items.append(("slot", found["variable"], found["tag"], found["form"] or ""))
            elif found["word"]:
                items.append(("word", found["word"]))
        return tuple(items)

    def candidates(self, variable, tag, bound):
        """Entries that the variable may have at a slot with that tag, given what is bound."""
        if variable in bound:
            entries = [bound[variable]]
        else:
            others = [bound[other].word for other in self.distinct.get(variable, []) if other in bound]
            entries = [e for e in self.entries if self.tag_of[variable] in e.tags and e.word not in others]
        return [e for e in entries if tag is None or tag in e.tags]

    def write(self, rng):
        """A tale, and the negative logarithm of the probability of the choices made for it."""
        while True:
            try:
                words, bound, nats = [], {}, [0.0]
                self.expand(self.start, rng, words, bound, nats)
                return render(words), nats[0]
            except DeadEnd:
                pass

    def expand(self, rule, rng, words, bound, nats):
        # An alternative whose first slot cannot be had with what is bound ("two red balls" for one ball) is not chosen.
        usable = [a for a in self.rules[rule] if self.usable(a, bound)]
        if not usable:
            raise DeadEnd
        nats[0] += math.log(len(usable))
        for item in rng.choice(usable):
            if item[0] == "word":
                words.append(item[1])
            elif item[0] == "rule":
                self.expand(item[1], rng, words, bound, nats)
            else:
                _, variable, tag, form = item
                entries = self.candidates(variable, tag, bound)
                if not entries:
                    raise DeadEnd
                bound[variable] = rng.choice(entries)
                nats[0] += math.log(len(entries))
                words.extend(bound[variable].forms[form])

    def usable(self, alternative, bound):
        return all(self.candidates(i[1], i[2], bound) for i in alternative if i[0] == "slot" and i[1] in bound)

    def accepts(self, text):
        """Whether the text is a whole tale."""
        words = split(text)
        return words is not None and any(at == len(words) for at, _ in self.match(self.start, words)[0])

    def begins(self, text):
        """Whether the text is the beginning of a tale, up to a whole word, or a whole tale."""
        words = split(text)
        if words is None:
            return False
        ends, ran_out = self.match(self.start, words)
        return ran_out or any(at == len(words) for at, _ in ends)

    def sentences(self, text):
        """Sentences of the text, and how many of them, from the first on, are a tale's beginning; for the last to count,
        the tale must be whole."""
        parts = re.findall(r"[^.]*\.|[^.]+$", text)
        good = 0
        while good < len(parts) and self.begins("".join(parts[: good + 1])):
            good += 1
        return len(parts), good - (good == len(parts) and not self.accepts(text))

    def match(self, rule, words):
        """All (position behind the rule, bindings) from the start of the words; and whether a match ran out of words."""
        ran_out = [False]
        return list(self.match_rule(rule, words, 0, {}, ran_out)), ran_out[0]

    def match_rule(self, rule, words, at, bound, ran_out):
        for alternative in self.rules[rule]:
            yield from self.match_items(alternative, 0, words, at, bound, ran_out)

    def match_items(self, items, index, words, at, bound, ran_out):
        if index == len(items):
            yield at, bound
            return
        item = items[index]
        if item[0] == "rule":
            for behind, then in self.match_rule(item[1], words, at, bound, ran_out):
                yield from self.match_items(items, index + 1, words, behind, then, ran_out)
        elif item[0] == "word":
            if same(words, at, [item[1]], ran_out):
                yield from self.match_items(items, index + 1, words, at + 1, bound, ran_out)
        else:
            _, variable, tag, form = item
            for entry in self.candidates(variable, tag, bound):
                pattern = entry.forms[form]
                if same(words, at, pattern, ran_out):
                    then = {**bound, variable: entry}
                    yield from self.match_items(items, index + 1, words, at + len(pattern), then, ran_out)


class DeadEnd(Exception):
    pass


def same(words, at, pattern, ran_out):
    """Whether the pattern stands at the position; notes when all words that are left agree but more would be needed."""
    there = words[at : at + len(pattern)]
    if len(there) < len(pattern) and there == pattern[: len(there)]:
        ran_out[0] = True
    return there == pattern


def split(text):
    """Words, full stops and commas of a text, or nothing when it is not spaced as a tale is."""
    words = re.findall(r"[A-Za-z]+|[.,]", text)
    return words if render(words) == text else None


def render(words):
    return re.sub(r" ([.,])", r"\1", " ".join(words))


# Words that agree with something; one of a set in the place of another is a wrong tale.
AGREE = [
    {"he", "she", "it", "they"},
    {"He", "She", "It", "They"},
    {"him", "her", "it", "them"},
    {"his", "her", "its", "their"},
    {"was", "were"},
    {"a", "an", "two"},
    {"boy", "girl"},
]


def changed(grammar, tale, rng):
    """The tale with one word changed that had to agree with others; every such tale is wrong."""
    words = split(tale)
    groups = [set() for _ in range(5)]
    for entry in grammar.entries:
        group = [("person",), ("friend",), ("look",), ("one",), ("many",)]
        for i, (tag,) in enumerate(group):
            if tag in entry.tags:
                groups[i].update(w for f in ("", "the") for w in entry.forms.get(f, []) if w != "the")
    choices = []
    for i, word in enumerate(words):
        for group in AGREE:
            choices += [(i, other) for other in sorted(group - {word}) if word in group]
        for group in groups:
            if word in group and words.count(word) > 1:
                choices += [(i, other) for other in sorted(group - {word})]
    kind = rng.randrange(4)
    if kind == 0:  # a word is missing
        del words[rng.randrange(len(words))]
    elif kind == 1:  # a word stands twice
        i = rng.randrange(len(words))
        words.insert(i, words[i])
    else:
        i, other = rng.choice(choices)
        words[i] = other
    return render(words)


def test():
    grammar = Grammar()
    rng = random.Random(7)
    tales = [grammar.write(rng)[0] for _ in range(500)]
    for tale in tales:
        assert grammar.accepts(tale), tale
        words = split(tale)
        cut = rng.randrange(1, len(words))
        assert grammar.begins(render(words[:cut])) and not grammar.accepts(render(words[:cut])), tale
        count, good = grammar.sentences(tale)
        assert count == good == tale.count("."), tale
    wrong = 0
    for tale in tales:
        for _ in range(10):
            mutated = changed(grammar, tale, rng)
            wrong += 1
            assert not grammar.accepts(mutated), f"{tale}\n{mutated}"
    by_hand = {
        "One day Tom went to the park. There he found a red ball. Then he met a cat. He asked it to play. "
        "Tom gave the red ball to the cat. It thanked him. The cat kept the red ball and never forgot Tom.": [
            ("There he", "There she"),
            ("thanked him", "thanked her"),
            ("asked it", "asked them"),
            ("It thanked", "They thanked"),
            ("gave the red ball", "gave the red hat"),
            ("gave the red ball", "gave the old ball"),
            ("kept the red ball", "kept the red balls"),
            ("The cat kept", "The dog kept"),
            ("forgot Tom.", "forgot Ben."),
            ("a red", "an red"),
            ("met a cat", "met two cat"),
            ("park. There", "park There"),
            ("ball. Then", "ball . Then"),
            ("One day", "One  day"),
            ("One day Tom went", "One day a cat went"),
        ],
        "Mia was a shy girl. One day she went to the sea. Then two owls saw her. They were happy to meet Mia. "
        "The owls had two old pens and gave them to Mia. She thanked them. At night Mia sat with the old pens near her. "
        "All loved the shy girl.": [
            ("They were", "They was"),
            ("gave them", "gave it"),
            ("thanked them", "thanked it"),
            ("near her", "near him"),
            ("the shy girl.", "the shy boy."),
            ("the shy girl.", "the bold girl."),
            (" All loved the shy girl.", ""),
            ("old pens near", "old pen near"),
        ],
    }
    for tale, edits in by_hand.items():
        assert grammar.accepts(tale), tale
        for old, new in edits:
            assert tale.count(old) == 1, old
            assert not grammar.accepts(tale.replace(old, new)), tale.replace(old, new)
            wrong += 1
    print(f"{len(tales)} tales accepted, {wrong} changed ones refused")


def main():
    grammar = Grammar()
    if sys.argv[1:] and sys.argv[1] == "write":
        count, seed = (int(a) for a in (sys.argv[2:] + ["1"])[:2])
        rng = random.Random(seed)
        for _ in range(count):
            print(grammar.write(rng)[0])
    elif sys.argv[1:] == ["accept"]:
        tales = sys.stdin.read().splitlines()
        wrong = [tale for tale in tales if not grammar.accepts(tale)]
        for tale in wrong:
            print(f"not a tale: {tale}")
        print(f"{len(tales) - len(wrong)} of {len(tales)} are tales")
    elif sys.argv[1:] == ["test"]:
        test()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()

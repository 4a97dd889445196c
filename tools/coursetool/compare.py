"""Compares what a program printed with what it should print, line by line.

Times, rates, dates and absolute paths are never compared, and neither is what a step masks. On the canonical machine
everything else must be equal; elsewhere the numbers that a step gives a tolerance may differ by that much, and the
lines that it calls canonical_only are left out.
"""
import difflib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coursetool.steps import CanonicalOnly, Mask, Program, Tolerance

_NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?"
# What is never compared: group 1 where there is one, else the whole match.
_EVERYWHERE = tuple(re.compile(pattern) for pattern in (
    rf"(?<![\w.,]){_NUMBER}\s?(?:h\s\d\d?\s?min|min\s\d\d?\s?s|ns|µs|μs|us|ms|s|seconds?)(?!\w)",   # 1 min 02 s
    rf"(?<![\w.,]){_NUMBER}\s?[kMGT]?i?B/s(?!\w)",                                                  # 1.2 GiB/s
    rf"(?<![\w.,])({_NUMBER}[kMGT]?)\s?[A-Za-z][\w-]*/s(?!\w)",                                     # 4,120 images/s
    rf"(?<![\w.,]){_NUMBER}/s(?!\w)",                                                               # 31/s
    r"(?<![\w/.:~-])/(?:[\w.+@~-]+/)+[\w.+@~-]*",                                                   # /usr/share/data
    rf"(?<![\w-])\d{{4}}-\d\d-\d\d(?:[T_ -](?:{_CLOCK}|\d\d-\d\d-\d\d|\d{{6}}|\d{{4}}))?(?:Z|[+-]\d\d:?\d\d)?(?!\d)",
    r"(?<!\d)20\d{6}[T_-]\d{6}(?!\d)",                                                              # 20260131-174500
    rf"(?<![\w:.]){_CLOCK}(?![\w:])"))
_MASKED = "‹…›"
_TOLERATED = "‹number›"


@dataclass(frozen=True)
class Rules:
    """What of a text may differ, beyond what may differ everywhere."""

    tolerance: tuple[Tolerance, ...] = ()
    mask: tuple[Mask, ...] = ()
    canonical_only: tuple[CanonicalOnly, ...] = ()

    @staticmethod
    def of(program: Program | None) -> "Rules":
        """Those of a step's program; none for no program."""
        return Rules(program.tolerance, program.mask, program.canonical_only) if program else Rules()


@dataclass(frozen=True)
class Difference:
    """Lines of the expected text that were found to be others."""

    line: int                  # of the first, in the expected text, from 1
    expected: tuple[str, ...]
    found: tuple[str, ...]
    note: str = ""

    def detail(self) -> list[str]:
        """Lines to show it with."""
        lines = [f"- {line}" for line in self.expected] + [f"+ {line}" for line in self.found]
        return lines + ([self.note] if self.note else [])


class _Span(NamedTuple):
    start: int
    end: int
    tolerance: Tolerance | None  # None: masked


class _Line(NamedTuple):
    number: int                  # from 1
    text: str
    skeleton: str                # what has to be equal
    numbers: tuple[tuple[str, Tolerance], ...]


def compare(expected: str, found: str, rules: Rules, canonical: bool) -> list[Difference]:
    """All differences, in order; none: the texts are the same as far as they have to be."""
    old, new = (_read(text, rules, canonical) for text in (expected, found))
    matcher = difflib.SequenceMatcher(None, [line.skeleton for line in old], [line.skeleton for line in new], autojunk=False)
    differences = []
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(old[i:i_end], new[j:j_end])
            differences += [one for before, after in pairs for one in _compare_numbers(before, after)]
        else:
            line = old[i].number if i < len(old) else len(expected.splitlines()) + 1
            differences.append(Difference(line, tuple(one.text for one in old[i:i_end]),
                                          tuple(one.text for one in new[j:j_end])))
    return differences


def dead_rules(expected: str, rules: Rules) -> list[str]:
    """A sentence for every rule that can never act on this text: it stands there for nothing, or is mistyped."""
    lines = expected.splitlines()
    dead = []
    for kind, patterns in (("tolerance", rules.tolerance), ("mask", rules.mask)):
        for rule in patterns:
            caught = [text for line in lines for text in _caught(rule.pattern, line)]
            if not caught:
                dead.append(f"the {kind} pattern '{rule.pattern}' matches nothing")
            no_number = next((text for text in caught if kind == "tolerance" and _value(text) is None), None)
            if no_number is not None:
                dead.append(f"the tolerance pattern '{rule.pattern}' catches '{no_number}', which is no number")
    for rule in rules.canonical_only:
        begin = next((i for i, line in enumerate(lines) if re.search(rule.first, line)), None)
        if begin is None:
            dead.append(f"the canonical_only pattern from = '{rule.first}' matches no line")
        elif rule.last is not None and not any(re.search(rule.last, line) for line in lines[begin:]):
            dead.append(f"the canonical_only pattern to = '{rule.last}' matches no line from the first '{rule.first}' on")
    return dead


def line_range(lines: Sequence[str], first: str, last: str | None, begin: int = 0) -> tuple[int, int] | None:
    """The lines from the next that matches `first` to the next that matches `last`, which may be the same one.

    As (begin, end) with end excluded; to the end of the text without `last`, or when it matches no more; None without a beginning.
    """
    for i in range(begin, len(lines)):
        if re.search(first, lines[i]):
            ends = (j + 1 for j in range(i, len(lines)) if last is not None and re.search(last, lines[j]))
            return i, next(ends, len(lines))
    return None


def _read(text: str, rules: Rules, canonical: bool) -> list[_Line]:
    lines = text.splitlines()
    skip: dict[int, str] = {}  # first and further lines of what is left out: what stands for them
    if not canonical:
        for rule in rules.canonical_only:
            at = 0
            while found := line_range(lines, rule.first, rule.last, at):
                skip.update({i: "" for i in range(*found)})
                skip[found[0]] = f"‹left out: {rule.first}›"
                at = found[1]
    spans = [() if i in skip else _spans(line, rules, canonical) for i, line in enumerate(lines)]
    loose = _loose(lines, spans)
    result = []
    for i, line in enumerate(lines):
        if i in skip:
            if skip[i]:
                result.append(_Line(i + 1, line, skip[i], ()))
            continue
        skeleton = _skeleton(line, spans[i])
        numbers = tuple((line[span.start:span.end], span.tolerance) for span in spans[i] if span.tolerance)
        result.append(_Line(i + 1, line, _without_widths(skeleton) if loose[i] else skeleton.rstrip(), numbers))
    return result


def _spans(line: str, rules: Rules, canonical: bool) -> tuple[_Span, ...]:
    """The parts of a line that are not compared as text, in order and without overlap; masks win."""
    masked = [(match.start(group), match.end(group)) for pattern in _EVERYWHERE for match in pattern.finditer(line)
              for group in [1 if pattern.groups else 0]]
    for rule in rules.mask:
        masked += _group_spans(rule.pattern, line)
    spans: list[_Span] = []
    for start, end in sorted(masked):
        if spans and start < spans[-1].end:
            spans[-1] = _Span(spans[-1].start, max(end, spans[-1].end), None)
        else:
            spans.append(_Span(start, end, None))
    for rule in () if canonical else rules.tolerance:
        for start, end in _group_spans(rule.pattern, line):
            if all(end <= span.start or start >= span.end for span in spans) and _value(line[start:end]) is not None:
                spans.append(_Span(start, end, rule))
    return tuple(sorted(spans, key=lambda span: span.start))


def _group_spans(pattern: str, line: str) -> list[tuple[int, int]]:
    return [match.span(group) for match in re.finditer(pattern, line) for group in range(1, match.re.groups + 1)
            if match.start(group) < match.end(group)]


def _caught(pattern: str, line: str) -> list[str]:
    return [line[start:end] for start, end in _group_spans(pattern, line)]


def _skeleton(line: str, spans: tuple[_Span, ...]) -> str:
    parts, at = [], 0
    for span in spans:
        parts += [line[at:span.start], _TOLERATED if span.tolerance else _MASKED]
        at = span.end
    return "".join(parts) + line[at:]


def _loose(lines: list[str], spans: list[tuple[_Span, ...]]) -> list[bool]:
    """Which lines stand in a paragraph with something that is not compared: its columns may be wider or narrower."""
    result: list[bool] = []
    for _, group in itertools.groupby(zip(lines, spans), key=lambda pair: bool(pair[0].strip())):
        paragraph = list(group)
        result += [any(found for _, found in paragraph)] * len(paragraph)
    return result


def _without_widths(skeleton: str) -> str:
    return re.sub(r"([─━═=-])\1{2,}", r"\1\1\1", re.sub(r" {2,}", " ", skeleton)).strip()


def _value(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        return None


def _compare_numbers(expected: _Line, found: _Line) -> list[Difference]:
    notes = []
    for (old_text, rule), (new_text, _) in zip(expected.numbers, found.numbers):
        old, new = _value(old_text), _value(new_text)
        distance, allowed = abs(old - new), max(rule.absolute, rule.relative * abs(old))
        # Numbers as printed: 0.82 - 0.41 is a little more than 0.41 in binary.
        near = math.isfinite(old) and distance <= allowed * (1 + 1e-9)
        if old_text != new_text and not near:
            notes.append(f"expected {old_text}, found {new_text}: {distance:.4g} apart, {allowed:.4g} allowed ({_said(rule)})")
    return [Difference(expected.number, (expected.text,), (found.text,), "; ".join(notes))] if notes else []


def _said(rule: Tolerance) -> str:
    parts = [f"{name} = {value:g}" for name, value in (("relative", rule.relative), ("absolute", rule.absolute)) if value]
    return ", ".join(parts)

"""Finds the known words that a mistyped one was most likely meant to be (as common/nearest.h does)."""
from collections.abc import Iterable


def edit_distance(a: str, b: str) -> int:
    """Number of single-character insertions, deletions and replacements (Levenshtein, 1965)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(diagonal + (letter != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The closest candidate, or "" when none is close enough (two edits, at most half the word)."""
    best, limit = "", min(2, len(word) // 2) + 1
    for candidate in candidates:
        if abs(len(word) - len(candidate)) >= limit and not candidate.startswith(word):
            continue  # as many edits at least
        begun = len(word) >= 3 and candidate.startswith(word)  # cut short: one edit
        distance = 1 if begun else edit_distance(word, candidate)
        if distance < limit:
            best, limit = candidate, distance
    return best


def either(words: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def and_list(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """" (did you mean 'x'?)", or "" when nothing is close."""
    found = nearest(word, candidates)
    return f" (did you mean '{found}'?)" if found else ""

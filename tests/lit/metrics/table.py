"""Metrics of lit beside torchmetrics': random cases (cases.py), run by both, and one table of what came out.

    table.py --cpp "BINARY [DEVICE]" --python "WORDS OF A COMMAND" [--seed N] [--of-each N]
    table.py --keep FILE --cpp BINARY --python "WORDS OF A COMMAND" [--seed N] [--of-each N]

A case is the same if each of its values is, to 1e-5 of it; or it differs for a reason that is known (REASONS), or without one.

--keep writes the cases that are the same with torchmetrics' values, for tests that have no Python.
"""
import argparse
import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from cases import KINDS, cases

HERE = Path(__file__).resolve().parent
TOLERANCE = 2e-5  # torchmetrics counts in float32


def of_two_classes(case: dict, ours: object, theirs: object) -> bool:
    return case["name"] == "MatthewsCorrCoef" and ours == 0 and case["make"]["options"].get("num_classes", 2) == 2


def of_one_side(case: dict, ours: object, theirs: object) -> bool:
    return case["name"] == "AUROC" and not isinstance(theirs, dict) and "null" in json.dumps(ours)


def of_one_value(case: dict, ours: object, theirs: object) -> bool:
    return case["name"] == "CatMetric" and ours == [theirs]


# What differs, and why it stays.
REASONS: dict[str, Callable[[dict, object, object], bool]] = {
    "of two classes that do not both occur a correlation is 0; torchmetrics adds a small number to what it divides by": of_two_classes,
    "an area of a class without samples, or without others, is NaN; torchmetrics says 0": of_one_side,
    "one value by itself is a list of one, as two are a list of two; torchmetrics makes a number of it": of_one_value,
}


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return abs(ours - theirs) <= TOLERANCE * max(1, abs(theirs))
    return ours == theirs


def answers(words: list[str], asked: list[dict]) -> list:
    done = subprocess.run(words, input="".join(json.dumps(case) + "\n" for case in asked), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def verdict(case: dict, ours: object, theirs: list) -> tuple[str, str]:
    """same, a reason, or "" with what differs."""
    if isinstance(ours, dict):
        return "", ours["error"]
    reasons = set()
    for step, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if same(one, other):
            continue
        found = [reason for reason, holds in REASONS.items() if holds(case, one, other)]
        if not found:
            return "", f"step {step}, {case['steps'][step][0]}: {json.dumps(one)}, not {json.dumps(other)}"
        reasons.add(found[0])
    return ("same", "") if not reasons else (min(reasons), "")


def table(asked: list[dict], ours: list, theirs: list) -> Iterator[str]:
    """A row for each class; the lines of what has no reason are told apart by their blanks."""
    rows: dict[str, Counter] = {name: Counter() for name in KINDS}
    words: dict[str, list[str]] = {name: [] for name in KINDS}
    for case, one, other in zip(asked, ours, theirs, strict=True):
        which, what = verdict(case, one, other)
        rows[case["name"]][which] += 1
        if not which:
            words[case["name"]].append(f"    {json.dumps(case['make'])}: {what}")
    yield f"{'':20}{'same':>8}{'differ':>8}{'without a reason':>18}"
    for name, counts in rows.items():
        differ = sum(number for which, number in counts.items() if which not in ("same", ""))
        yield f"{name:20}{counts['same']:8}{differ:8}{counts['']:18}"
        yield from words[name][:5]
        yield from (f"    {number} because {which}" for which, number in counts.items() if which not in ("same", ""))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpp", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of-each", type=int, default=100)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    asked = list(cases(given.seed, given.of_each))
    theirs = answers([*shlex.split(given.python), str(HERE / "run.py")], asked)
    ours = answers(shlex.split(given.cpp), asked)
    if given.keep:
        kept = (case | {"values": values} for case, own, values in zip(asked, ours, theirs, strict=True) if verdict(case, own, values)[0] == "same")
        given.keep.write_text("".join(json.dumps(case) + "\n" for case in kept), encoding="utf-8")
        return 0
    lines = list(table(asked, ours, theirs))
    print("\n".join(lines))
    bad = sum(line.startswith("    {") for line in lines)
    print(f"{len(asked)} cases from the seed {given.seed}" + (f"; {bad} of those without a reason are shown" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

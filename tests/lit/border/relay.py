"""Half a run in C++ and half in Python, both ways, beside whole runs; and one table of what came out.

    relay.py --cpp BINARY --python "WORDS OF A COMMAND" [NAME...]
    relay.py --keep FOLDER --python "WORDS OF A COMMAND"

A NAME is part of a scenario's name (scenarios.py); without one all are run. In the table a run that crossed the border is

    same        what follows is what the straight run of its second language does from there on
    as its own  it is what that language makes of its own first half, which is not what its straight run does
    differs     it is neither
    fails       a program did

and whole runs are the same in both languages or not. A row that is neither same nor as its own needs a reason (REASONS).

--keep writes the files of some of Lightning's first halves, each with its scenario and the trace of its straight run, for
tests that have no Lightning.
"""
import argparse
import difflib
import itertools
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scenarios import KEPT, RELAYS, SCENARIOS

HERE = Path(__file__).resolve().parent
CPP, PYTHON = "C++", "Python"
WHOLE = "whole"
DIRECTIONS = ((CPP, PYTHON), (PYTHON, CPP))
TOLERANCE = 1e-6  # relative
SMALLEST = 1e-9   # and what is nearer than this is the same, whatever its size

NO_SUMS = ("Lightning keeps no sums of what was logged in an epoch: its file's train_loss_epoch is of the batches that follow, or there "
           "is none")
NO_METRICS = "Lightning's file is older than the step that its scheduler takes by a metric, and holds no metric"
NO_GRADIENTS = "Lightning keeps no gradients of a window of accumulation that is open"
THE_LAST = "last.ckpt is the last here, whatever the metric; Lightning leaves it alone where there is no new best"

# What must differ, and why: {(name of the scenario, "whole" or "C++ → Python" or "Python → C++"): "why"}.
REASONS: dict[tuple[str, str], str] = {("top 2, max", "whole"): THE_LAST}
REASONS |= {(name, "Python → C++"): NO_METRICS for name in ("plateau by epoch, after a drop", "plateau by epoch, at a drop")}
REASONS |= {(name, "Python → C++"): NO_SUMS for name in SCENARIOS if name.startswith("mid-epoch")}
REASONS |= {(name, "Python → C++"): NO_SUMS for name in (
    "at the end of validation", "validation by 2 epochs", "validation at an epoch's last batch", "failed in validation",
    "failed at validation's end")}
REASONS[("top 2, from the best", "Python → C++")] = "the file that a run goes on from stays, here and there"
REASONS |= {(name, "Python → C++"): NO_GRADIENTS for name in SCENARIOS if "in a window" in name}

Event = dict
Trace = list[Event]


def arrow(direction: tuple[str, str]) -> str:
    return " → ".join(direction)


# Programs.


@dataclass
class Ran:
    """What a program printed, or why it failed."""

    trace: Trace = field(default_factory=list)
    error: str | None = None


class Program:
    """A language whose every run is a command."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def __call__(self, scenario: dict, folder: Path, checkpoint: Path | None = None) -> Ran:
        """Runs a scenario in the folder, from its beginning or from a checkpoint; what it prints stays beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.with_suffix(".json")
        file.write_text(json.dumps(scenario), encoding="utf-8")
        words = [str(file), str(folder)] + (["--from", str(checkpoint)] if checkpoint else [])
        out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
        code = self.run(words, out, err)
        if code:
            said = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return Ran(error=said[-1].strip() if said else f"ended with {code}, and said nothing")
        try:
            trace = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        except ValueError as error:
            return Ran(error=f"printed what is no JSON: {error}")
        return Ran(trace) if trace and trace[-1]["e"] == "end" else Ran(error="printed no end")

    def run(self, words: list[str], out: Path, err: Path) -> int:
        with out.open("wb") as stdout, err.open("wb") as stderr:
            try:
                return subprocess.run([*self.words, *words], stdout=stdout, stderr=stderr, check=False, timeout=300).returncode
            except subprocess.TimeoutExpired:
                stderr.write(b"\ntook more than 300 s")
                return 1


class Server(Program):
    """A language that has loaded its libraries once for all its runs: run.py --serve."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.process = subprocess.Popen([*words, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, words: list[str], out: Path, err: Path) -> int:
        self.process.stdin.write(json.dumps({"words": words, "out": str(out), "err": str(err)}) + "\n")
        self.process.stdin.flush()
        if not (answer := self.process.stdout.readline()):
            raise SystemExit(f"{shlex.join(self.words)} ended with {self.process.wait()}")
        return int(answer)


# Traces.


def apart(found: object, wanted: object, name: str = "") -> str | None:
    """The first place where two values differ, in words."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        if missing := [key for key in wanted if key not in found]:
            return f"{name} has no {missing[0]}".strip()
        if surplus := [key for key in found if key not in wanted]:
            return f"{name} has {surplus[0]}, {short(found[surplus[0]])}".strip()
        return next(filter(None, (apart(found[key], wanted[key], f"{name} {key}".strip()) for key in wanted)), None)
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return next(filter(None, (apart(a, b, f"{name}[{i}]") for i, (a, b) in pairs)), None)
    if isinstance(found, float) or isinstance(wanted, float):
        near = None not in (found, wanted) and abs(found - wanted) <= max(SMALLEST, TOLERANCE * max(abs(found), abs(wanted)))
    else:
        near = found == wanted
    return None if near or (found != found and wanted != wanted) else f"{name} is {short(found)}, not {short(wanted)}"


def short(value: object) -> str:
    text = f"{value:.9g}" if isinstance(value, float) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


NAMES = {"batch": "batch {batch} of epoch {epoch}", "train_start": "the start of training", "train_end": "the end of training",
         "epoch_start": "the start of epoch {epoch}", "epoch_end": "the end of epoch {epoch}", "end": "the end",
         "val_start": "the start of validation in epoch {epoch}", "val": "the validation in epoch {epoch}"}


def place(event: Event) -> str:
    """What an event is, in words; events of the same words are the same event of two runs."""
    if event["e"] == "log":
        names = ", ".join(name for name in event["metrics"] if name != "epoch")
        return f"the log of {names} in epoch {event['metrics'].get('epoch', 0):g}"
    return NAMES[event["e"]].format_map(event)


def differences(found: Trace, wanted: Trace) -> Iterator[str]:
    """Where the values of an event differ, and the events that only one of them has."""
    matcher = difflib.SequenceMatcher(None, [place(event) for event in found], [place(event) for event in wanted], autojunk=False)
    for same, a, a_end, b, b_end in matcher.get_opcodes():
        if same == "equal":
            yield from (f"at {place(x)} {words}" for x, y in zip(found[a:a_end], wanted[b:b_end]) if (words := apart(x, y)))
        else:
            yield from (f"there is {place(event)}" for event in found[a:a_end])
            yield from (f"there is not {place(event)}" for event in wanted[b:b_end])


def first_difference(found: Trace, wanted: Trace) -> str | None:
    """The first one, and how many more there are."""
    first, *more = list(differences(found, wanted)) or [None]
    return f"{first} (and {len(more)} more)" if more else first


def core(trace: Trace) -> Trace:
    """Without what a second half has at its own beginning, and a straight run has elsewhere."""
    return [event for event in trace if event["e"] not in ("train_start", "train_end", "epoch_start")]


def off_course(part: Trace, straight: Trace, *, to_the_end: bool = True) -> str | None:
    """The first place where a part of a run is not what the straight run does from where the part begins."""
    part, straight = core(part), core(straight)
    if not to_the_end:
        part = part[:-1]
    if not part:
        return None
    alike = [i for i, event in enumerate(straight) if place(event) == place(part[0])]
    if not alike:
        return f"begins with {place(part[0])}, which the straight run has not"
    begin = next((i for i in alike if straight[i]["step"] == part[0]["step"]), alike[0])
    rest = straight[begin:]
    return first_difference(part, rest if to_the_end else rest[:len(part)])


# The table.


@dataclass
class Cell:
    """What came out in one direction."""

    verdict: str
    note: str = ""


@dataclass
class Row:
    name: str
    cells: dict[str, Cell]

    def unexplained(self) -> list[str]:
        return [way for way, cell in self.cells.items() if cell.verdict in ("differs", "fails") and (self.name, way) not in REASONS]


def judge(second: Ran, own: Ran, straight: Ran, *, evaluates: bool) -> Cell:
    """The verdict over a second half: beside its language's own, and beside the straight run."""
    if second.error:
        return Cell("fails", second.error + (", and so does its own" if own.error == second.error else ""))
    beside_own = own.error or first_difference(core(second.trace), core(own.trace))
    beside_straight = beside_own if evaluates else straight.error or off_course(second.trace, straight.trace)
    if not beside_straight:
        return Cell("same")
    return Cell("differs", f"{beside_straight}; beside its own: {beside_own}") if beside_own else Cell("as its own", beside_straight)


def beside_each_other(whole: dict[str, Ran]) -> Cell:
    for language, ran in whole.items():
        if ran.error:
            return Cell("fails", f"{language}: {ran.error}")
    words = first_difference(whole[CPP].trace, whole[PYTHON].trace)
    return Cell("differs", f"C++ beside Python: {words}") if words else Cell("same")


class Border:
    """The two languages, and a folder to run them in."""

    def __init__(self, languages: dict[str, Program], folder: Path) -> None:
        self.languages = languages
        self.folder = folder

    def whole(self, name: str, scenario: dict) -> dict[str, Ran]:
        return {language: run(scenario, self.folder / name / language / "whole") for language, run in self.languages.items()}

    def second(self, second: str, scenario: dict, kept: Path, folder: Path, file: str) -> Ran:
        """The second half, in a folder that is again as the first half left it: a checkpoint knows its folder."""
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        checkpoint = folder / "ckpt" / file
        if not checkpoint.exists():
            there = ", ".join(sorted(path.name for path in checkpoint.parent.glob("*"))) or "nothing"
            return Ran(error=f"the first half left no {file}, but {there}")
        return self.languages[second](scenario, folder, checkpoint)

    def crossing(self, name: str, entry: dict) -> Row:
        """A scenario in halves: each language's first half, and from it each language's second."""
        scenario = entry["scenario"]
        whole = self.whole(name, scenario)
        seconds: dict[tuple[str, str], Ran] = {}
        for first in self.languages:
            folder = self.folder / name / first / "halves"
            half = self.languages[first](scenario | entry["half"], folder)
            kept = folder.with_name("kept")
            shutil.copytree(folder, kept, symlinks=True)
            for second in self.languages:
                failed = Ran(error=f"first half: {half.error}") if half.error else None
                seconds[first, second] = failed or self.second(second, scenario, kept, folder, entry["file"])
        evaluates = scenario.get("then") is not None
        cells = {arrow(way): judge(seconds[way], seconds[way[1], way[1]], whole[way[1]], evaluates=evaluates) for way in DIRECTIONS}
        return Row(name, {WHOLE: beside_each_other(whole)} | cells)

    def relay(self, name: str, entry: dict) -> Row:
        """A run that changes its language at every leg, from either side."""
        whole = self.whole(name, entry["scenario"])
        return Row(name, {WHOLE: beside_each_other(whole)} | {arrow(way): self.legs(name, entry, way, whole) for way in DIRECTIONS})

    def legs(self, name: str, entry: dict, way: tuple[str, str], whole: dict[str, Ran]) -> Cell:
        folder = self.folder / name / f"from {way[0]}"
        for number, (change, language) in enumerate(zip(entry["legs"], itertools.cycle(way))):
            ran = self.languages[language](entry["scenario"] | change, folder, folder / "ckpt" / entry["file"] if number else None)
            if error := ran.error or whole[language].error:
                return Cell("fails", f"leg {number + 1}, {language}: {error}")
            last = number + 1 == len(entry["legs"])
            if words := off_course(ran.trace, whole[language].trace, to_the_end=last):
                return Cell("differs", f"leg {number + 1}, {language}: {words}")
        return Cell("same")

    def rows(self, names: list[str]) -> Iterator[Row]:
        for entries, run in ((SCENARIOS, self.crossing), (RELAYS, self.relay)):
            for name, entry in entries.items():
                if not names or any(part in name for part in names):
                    yield run(name, entry)


MARKS = {"same": "✓ same", "as its own": "○ as its own", "differs": "✗ differs", "fails": "✗ fails"}
WAYS = (WHOLE, *map(arrow, DIRECTIONS))
FIRST, OTHER = 44, 15  # columns' widths


def show(rows: Iterable[Row]) -> list[Row]:
    """Prints the rows as they come, each with what is to be said about it below."""
    print(f"{'':{FIRST}}{''.join(f'{way:{OTHER}}' for way in WAYS)}".rstrip())
    shown = []
    for row in rows:
        shown.append(row)
        print(f"{row.name:{FIRST}}{''.join(f'{MARKS[row.cells[way].verdict]:{OTHER}}' for way in WAYS)}".rstrip())
        for way, cell in row.cells.items():
            if cell.note:
                print(f"    {way}: {cell.note}")
            if why := REASONS.get((row.name, way)):
                print(f"    {'':{len(way)}}  because {why}")
        sys.stdout.flush()
    return shown


def summary(rows: list[Row]) -> str:
    cells = [cell.verdict for row in rows for cell in row.cells.values()]
    counts = ", ".join(f"{cells.count(verdict)} {verdict}" for verdict in MARKS if verdict in cells)
    unexplained = [f"{row.name} ({way})" for row in rows for way in row.unexplained()]
    return f"{len(rows)} scenarios: {counts}" + "".join(f"\nwithout a reason: {which}" for which in unexplained)


def compare(languages: dict[str, Program], names: list[str]) -> int:
    """Runs what is named, prints the table, and is 1 if something differs without a reason."""
    with tempfile.TemporaryDirectory(prefix="border-") as folder:
        rows = show(Border(languages, Path(folder)).rows(names))
    if not rows:
        print(f"no scenario has {' or '.join(names)} in its name", file=sys.stderr)
        return 2
    print(summary(rows))
    return 1 if any(row.unexplained() for row in rows) else 0


def keep(python: Program, folder: Path) -> int:
    """Files of halves, and traces of whole runs, of the scenarios that are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="border-") as runs:
        for name, entry in KEPT.items():
            half = python(entry["scenario"] | entry["half"], Path(runs, name, "half"))
            whole = python(entry["scenario"], Path(runs, name, "whole"))
            if error := half.error or whole.error:
                raise SystemExit(f"{name}: {error}")
            shutil.copy(Path(runs, name, "half", "ckpt", entry["file"]), folder / f"{name}.ckpt")
            lines = [json.dumps(entry["scenario"]), *map(json.dumps, whole.trace)]
            (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs that cross the border between C++ and Python.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--cpp", type=shlex.split, metavar="COMMAND")
    what.add_argument("--keep", type=Path, metavar="FOLDER", help="write the files that the tests go on from")
    parser.add_argument("--python", required=True, type=shlex.split, metavar="COMMAND", help="a Python that has Lightning")
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    python = Server([*given.python, str(HERE / "run.py")])
    if given.keep is not None:
        return keep(python, given.keep)
    return compare({CPP: Program(given.cpp), PYTHON: python}, given.names)


if __name__ == "__main__":
    sys.exit(main())

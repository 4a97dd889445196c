"""What a step changes against the one before: as a diff, as the summary in its page, and as a number of lines."""
import difflib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from coursetool.cppread import definitions
from coursetool.errors import CourseError
from coursetool.regions import is_marker, strip_markers
from coursetool.steps import Step

SAME_THING = 0.9  # how alike two texts of one name in two files are when it is said to have moved


@dataclass(frozen=True)
class FileChange:
    """One file that a step adds, changes or removes."""

    name: str            # in the step; where it is removed, in the one before
    before: str | None   # its name in the step before; None: it is new
    after: str | None    # None: it is removed
    added: int           # lines of code, those of markers and empty ones not counted
    removed: int
    copied: str | None = None      # the file of the step before that most of this new one comes from
    new: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()    # "`train()` from `main.cpp`"
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def code_files(folder: Path) -> list[Path]:
    """The files that a lesson's diff is made of: sources, headers and CMakeLists.txt, but no exercises."""
    return sorted(path for path in folder.rglob("*")
                  if (path.suffix in (".cpp", ".h") or path.name == "CMakeLists.txt") and path.is_file()
                  and path.relative_to(folder).parts[0] not in ("exercises", "expected", "python"))


def code_diff(a: Step, b: Step, color: bool) -> str:
    """The code of two steps as one diff, without the marks of regions; "" where they are the same."""
    diff = _git_diff(a, b, strip_markers, [f"--color={'always' if color else 'never'}"])
    return re.sub(r"^(?:\033\[\d*m)?index [0-9a-f]+\.\..*\n", "", diff, flags=re.MULTILINE)  # hashes of no file there is


def file_changes(before: Step, after: Step) -> list[FileChange]:
    """Every file of code that differs, in the order of their names."""
    numbers = _git_diff(before, after, _code_lines, ["--numstat", "-z"]).split("\0")
    changes = []
    # In a diff of two folders every entry is "added TAB removed TAB", old name, new name.
    for counts, old, new in zip(numbers[0::3], numbers[1::3], numbers[2::3]):
        added, removed, _ = counts.split("\t")
        old_name, new_name = (None if name == "/dev/null" else name.partition("/")[2] for name in (old, new))
        change = FileChange(new_name or old_name, old_name, new_name, int(added), int(removed))
        if new_name and old_name != new_name and old_name and (after.folder / old_name).is_file():
            change = replace(change, before=None, copied=old_name, removed=0)  # what it was made from is still there
        changes.append(change)
    return _with_definitions(changes, before.folder, after.folder)


def _with_definitions(changes: list[FileChange], before: Path, after: Path) -> list[FileChange]:
    old = [_definitions(before, change.before) for change in changes]
    new = [_definitions(after, change.after) for change in changes]
    moves = _moves(old, new)
    result = []
    for i, change in enumerate(changes):
        moved = {name: source for (name, target), source in moves.items() if target == i}
        moved_away = {name for (name, _), source in moves.items() if source == i}
        # What goes with its file needs no list.
        gone = [] if change.after is None else [name for name in old[i] if name not in new[i] and name not in moved_away]
        result.append(replace(
            change,
            new=tuple(name for name in new[i] if name not in old[i] and name not in moved),
            moved=tuple(f"`{name}` from `{changes[source].before}`" for name, source in moved.items()),
            changed=tuple(name for name, text in new[i].items() if old[moved.get(name, i)].get(name, text) != text),
            gone=tuple(gone)))
    return sorted(result, key=lambda change: (change.name == "CMakeLists.txt", change.after is None, change.name))


def _moves(old: list[dict[str, str]], new: list[dict[str, str]]) -> dict[tuple[str, int], int]:
    """(name, number of the file it is in now) -> number of the file that it was in, for nearly the same text."""
    moves = {}
    for target, names in enumerate(new):
        for name, text in names.items():
            if name in old[target] or name == "main()":
                continue
            sources = [i for i, left in enumerate(old) if name in left and name not in new[i]]
            near = {i: difflib.SequenceMatcher(None, old[i][name], text, autojunk=False).ratio() for i in sources}
            best = max(near, key=near.get, default=None)
            if best is not None and near[best] >= SAME_THING:
                moves[name, target] = best
    return moves


def _definitions(folder: Path, name: str | None) -> dict[str, str]:
    if name is None or not name.endswith((".cpp", ".h")):
        return {}
    return definitions(strip_markers((folder / name).read_text(encoding="utf-8")))


def summary(before: Step, after: Step) -> list[str]:
    """The lines of *What changes*."""
    changes = file_changes(before, after)
    if not changes:
        return [f"No line of code differs from [step {before.label}](../{before.folder.name}/README.md)."]
    added, removed = (sum(getattr(change, name) for change in changes) for name in ("added", "removed"))
    columns: dict[str, Callable[[FileChange], str]] = {
        "file": _file_cell,
        "lines": lambda change: f"+{change.added} −{change.removed}",
        "new": lambda change: _names(change.new),
        "moved here": lambda change: ", ".join(change.moved),
        "changed": lambda change: _names(change.changed),
        "gone": lambda change: _names(change.gone)}
    rows = {heading: [cell(change) for change in changes] for heading, cell in columns.items()}
    shown = [heading for heading, cells in rows.items() if any(cells)]
    return [
        f"Against [step {before.label}](../{before.folder.name}/README.md), {_lines(added)} of code {_are(added)} new "
        f"(of at most {after.diff_budget}) and {removed} {_are(removed)} gone. `./course diff {before.label} {after.label}` "
        "shows them.",
        "",
        f"| {' | '.join(shown)} |",
        f"|{' --- |' * len(shown)}",
        *(f"| {' | '.join(cells)} |" for cells in zip(*(rows[heading] for heading in shown)))]


def over_budget(before: Step, after: Step) -> list[str]:
    """A sentence for each budget that the step exceeds."""
    changes = file_changes(before, after)
    added, sentences = sum(change.added for change in changes), []
    if added > after.diff_budget:
        sentences.append(f"the step adds {_lines(added)} of code to {before.folder.name}, but its diff_budget is "
                         f"{after.diff_budget}; teach less in it, or move what is not taught to common/")
    if len(changes) > after.file_budget:
        sentences.append(f"the step changes {len(changes)} files of {before.folder.name}, but at most {after.file_budget} are readable")
    return sentences


def _file_cell(change: FileChange) -> str:
    if change.after is None:
        return f"`{change.name}` (removed)"
    if change.before is None:
        return f"`{change.name}` ({f'from `{change.copied}`' if change.copied else 'new'})"
    return f"`{change.name}`" if change.before == change.after else f"`{change.name}` (was `{change.before}`)"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _lines(number: int) -> str:
    return f"{number} line{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _code_lines(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if line.strip() and not is_marker(line))


def _git_diff(a: Step, b: Step, prepare: Callable[[str], str], options: list[str]) -> str:
    """`git diff --no-index` of the code of two steps, each file passed through `prepare` first."""
    if a.folder == b.folder:
        return ""
    with tempfile.TemporaryDirectory(prefix="course-") as scratch:
        for step in (a, b):
            (Path(scratch) / step.folder.name).mkdir()
            for path in code_files(step.folder):
                copy = Path(scratch) / step.folder.name / path.relative_to(step.folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(prepare(path.read_text(encoding="utf-8")), encoding="utf-8")
        command = ["git", "diff", "--no-index", "--no-ext-diff", "--src-prefix=", "--dst-prefix=", "-M", "-C",
                   "--diff-algorithm=histogram", *options, "--", a.folder.name, b.folder.name]
        # Nobody's own settings: the summary in a page is the same for everybody.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        variables |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
                      "GIT_CEILING_DIRECTORIES": str(Path(scratch).parent)}
        try:
            done = subprocess.run(command, cwd=scratch, env=variables, capture_output=True, encoding="utf-8", check=False)
        except FileNotFoundError:
            raise CourseError("git was not found; it is what compares two steps (apt-get install git)") from None
    if done.returncode not in (0, 1):  # 1: there are differences
        raise CourseError(f"git could not compare {a.folder.name} and {b.folder.name}: {done.stderr.strip()}")
    return done.stdout

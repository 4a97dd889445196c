"""The numbers of a run: its metrics.csv, or what its TensorBoard event files hold."""
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from coursetool import events
from coursetool.errors import CourseError, printable

NO_METRICS = ("epoch", "step", "hp_metric")


@dataclass(frozen=True)
class Run:
    """A run: its folder, and of each metric the points (step, epoch, value); step or epoch is None where nobody wrote it."""

    folder: Path
    metrics: dict[str, list[tuple[float | None, float | None, float]]]


def _number(text: str, path: Path, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise CourseError(f"{path}:{line}: '{printable(text)}' is no number; a table of metrics has nothing else") from None


def read_csv(path: Path) -> dict[str, list]:
    """A table with a header; cells may be empty. A last line without an end is still being written.

    A spreadsheet that has saved it may have put a byte order mark in front.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        lines = text[:text.rfind("\n") + 1].splitlines()
        rows = list(csv.DictReader(lines))
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise CourseError(f"{path} is no table of metrics: {printable(error)}") from None
    found: dict[str, list] = {}
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise CourseError(f"{path}:{number}: the row has not as many cells as the header")
        values = {name: _number(cell, path, number) for name, cell in row.items() if cell.strip()}
        for name, value in values.items():
            if name not in NO_METRICS:
                found.setdefault(name, []).append((values.get("step"), values.get("epoch"), value))
    return found


def read_events(paths: list[Path]) -> dict[str, list]:
    """The scalars of event files; a last record that is not whole is still being written."""
    found: dict[str, list] = {}
    epochs: dict[int, float] = {}
    for path in paths:
        try:
            for value in events.values(path):
                if value.kind == "scalar" and value.tag == "epoch":
                    epochs[value.step] = value.content
                elif value.kind == "scalar" and value.tag not in NO_METRICS:
                    found.setdefault(value.tag, []).append((value.step, value.content))
        except events.Truncated:
            pass
    return {tag: [(step, epochs.get(step), value) for step, value in points] for tag, points in found.items()}


def tables(folder: Path) -> list[Path]:
    """The metrics of a lesson's run: one table, or those of its CSVLogger, a new one for each time that the run was resumed."""
    if (folder / "metrics.csv").is_file():
        return [folder / "metrics.csv"]
    numbered = [path for path in folder.glob("csv/version_*/metrics.csv") if path.parent.name.partition("_")[2].isdecimal()]
    return sorted(numbered, key=lambda path: int(path.parent.name.partition("_")[2]))


def read_tables(paths: list[Path]) -> dict[str, list]:
    """All of them, one behind the other."""
    found: dict[str, list] = {}
    for path in paths:
        for name, points in read_csv(path).items():
            found.setdefault(name, []).extend(points)
    return found


def read_run(path: Path) -> Run:
    """A run by its folder (of a lesson, or version_N of a logger), its metrics.csv, or an event file."""
    folder = (path.parent if path.is_file() else path).resolve()
    if not path.exists():
        raise CourseError(f"there is no run {path}; a run is a folder with a metrics.csv or event files in it")
    if path.is_file():
        metrics = read_events([path]) if "tfevents" in path.name else read_csv(path)
    elif tables(path):
        metrics = read_tables(tables(path))
    else:
        files = sorted(path.glob("*tfevents*"))
        if not files:
            inside = sorted(one.name for one in path.iterdir() if one.is_dir())
            raise CourseError(f"{path} has neither a metrics.csv nor event files"
                              + (f"; is the run one of its folders: {', '.join(inside[:8])}?" if inside else ""))
        metrics = read_events(files)
    if not metrics:
        raise CourseError(f"{path} has no metrics yet")
    return Run(folder, metrics)


def newest_run() -> Path:
    """The run that was begun last, of runs/ and lightning_logs/ here."""
    known = [path for pattern in ("runs/*", "lightning_logs/*") for path in Path.cwd().glob(pattern)
             if path.is_dir() and not path.is_symlink()]
    known = [path for path in known if tables(path) or list(path.glob("*tfevents*"))]
    if not known:
        raise CourseError("there is no run in runs/ or lightning_logs/ here; name its folder: ./course plot FOLDER")
    return max(known, key=lambda path: path.stat().st_mtime).relative_to(Path.cwd())


def subject(metric: str) -> str:
    """What train_loss, val_loss and val_loss_epoch have in common: they belong into one picture."""
    bare = re.sub(r"^(train|val|valid|validation|test)[_/]", "", metric)
    return re.sub(r"_(step|epoch)$", "", bare)

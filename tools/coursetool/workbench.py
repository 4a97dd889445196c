"""The learner's own folder, work/: starters laid out, what was passed and which hints were seen, work kept when it is reset."""
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from coursetool.errors import CourseError, printable
from coursetool.exercises import Exercise


LARGEST = 1 << 20  # bytes of progress.json; an exercise takes about a hundred


def _entry(value: object, kind: type) -> object:
    """What stands in progress.json, if it is of its kind."""
    if type(value) is not kind:
        raise ValueError(f"{json.dumps(value)[:50]} stands where a {kind.__name__} was expected")
    return value


@dataclass
class Progress:
    """What is known of one exercise."""

    hints: list[int] = field(default_factory=list)  # the numbers of those that were shown
    passed: bool = False    # did it ever?
    gave_up: bool = False   # the solution was shown before it was passed


def _progress(kept: dict) -> Progress:
    return Progress([_entry(hint, int) for hint in _entry(kept["hints"], list)], _entry(kept["passed"], bool), _entry(kept["gave_up"], bool))


@dataclass
class Workbench:
    """work/ of a checkout. Git ignores it, and no update of the course writes into it."""

    root: Path
    table: dict[str, Progress] = field(default_factory=dict)
    last: str = ""          # the exercise that was graded last

    @classmethod
    def open(cls, root: Path) -> "Workbench":
        bench = cls(root)
        try:
            if bench.file.stat().st_size > LARGEST:
                raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
            kept = _entry(json.loads(bench.file.read_text(encoding="utf-8")), dict)
            bench.table = {name: _progress(_entry(one, dict)) for name, one in _entry(kept["exercises"], dict).items()}
            bench.last = _entry(kept["last"], str)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise CourseError(f"work/progress.json cannot be read ({printable(error)}); remove it, and check your exercises again: "
                              "it holds nothing else than what was passed") from None
        return bench

    @property
    def file(self) -> Path:
        return self.root / "work" / "progress.json"

    def folder(self, exercise: Exercise) -> Path:
        """Where the learner writes."""
        return self.root / "work" / f"step{exercise.step.label}" / exercise.folder.name

    def of(self, exercise: Exercise) -> Progress:
        return self.table.setdefault(exercise.key, Progress())

    def save(self) -> None:
        """Writes what is known, whole or not at all."""
        self.file.parent.mkdir(exist_ok=True)
        draft = self.file.with_suffix(".draft")
        kept = {"last": self.last, "exercises": {name: vars(one) for name, one in sorted(self.table.items()) if one != Progress()}}
        draft.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, self.file)

    def begun(self, exercise: Exercise) -> bool:
        """Did the learner change anything about the starter?"""
        mine = {file: self.folder(exercise) / file for file in exercise.files}
        return (all(path.is_file() for path in mine.values())
                and any(path.read_bytes() != (exercise.starter / file).read_bytes() for file, path in mine.items()))

    def lay_out(self, exercise: Exercise) -> bool:
        """Copies the starter where the learner has no file yet; True if there was one to copy."""
        new = False
        for file in exercise.files:
            mine = self.folder(exercise) / file
            if not mine.exists():
                mine.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(exercise.starter / file, mine)
                new = True
        return new

    def set_aside(self, exercise: Exercise) -> Path | None:
        """Moves the learner's work out of the way; where it is kept, or None where there was none."""
        folder = self.folder(exercise)
        if not folder.exists():
            return None
        name = f"step{exercise.step.label}_{exercise.folder.name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        kept, count = self.root / "work" / "kept" / name, 1
        while kept.exists():
            count += 1
            kept = kept.with_name(f"{name}_{count}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, kept)
        return kept

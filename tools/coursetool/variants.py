"""Variants of exercises: other files than the learner's, built with the same check. For the proofs, and for a teacher's report."""
import shutil
from collections.abc import Iterable
from pathlib import Path

from coursetool import build as cmake
from coursetool.exercises import Exercise
from coursetool.shell import run


class Variants:
    """Below build/PRESET/variants: a folder for each, which is a target of CMake's (cmake/CourseTargets.cmake)."""

    def __init__(self, root: Path, build: Path):
        self.root, self.build = root, build
        self.new = False

    def lay_out(self, exercise: Exercise, word: str, files: dict[str, bytes]) -> str:
        """Writes a variant's files, those that changed; the name of its target."""
        target = f"{exercise.target}_{word}"
        folder = self.build / "variants" / target
        self.new = self.new or not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if old.name not in files:
                old.unlink()
        for name, content in files.items():
            file = folder / name
            if not file.is_file() or file.read_bytes() != content:
                file.write_bytes(content)
        return target

    def ready(self, preset: str | None = None) -> None:
        """Tells CMake of those that are new."""
        if preset:
            cmake.configure(self.root, preset)
        if self.new:
            run(["cmake", str(self.build)], self.root, quiet=True)
            self.new = False

    def remove(self, targets: Iterable[str]) -> None:
        """What was laid out for one use only."""
        for target in targets:
            shutil.rmtree(self.build / "variants" / target, ignore_errors=True)
            (self.build / "exercises" / target).unlink(missing_ok=True)

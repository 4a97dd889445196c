"""The ladder of lessons for the front page: which there are, what each teaches, how long it takes."""
import os
from pathlib import Path

from coursetool.steps import Step


def ladder(steps: list[Step], folder: Path) -> list[str]:
    """The lines of the table, its links seen from `folder`."""
    minutes = sum(step.minutes for step in steps)
    return [
        "| step | the idea | new in it | minutes |",
        "| --- | --- | --- | ---: |",
        *(f"| [{step.label} · {step.title}]({_link(step, folder)}) | {step.idea} | {', '.join(step.new)} | {step.minutes} |"
          for step in steps),
        "",
        f"All {len(steps)} together take about {_duration(minutes)}."]


def _link(step: Step, folder: Path) -> str:
    return Path(os.path.relpath(step.folder / "README.md", folder)).as_posix()


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'' if hours == 1 else 's'}"] * bool(hours) + [f"{rest} minutes"] * bool(rest)
    return " and ".join(parts)

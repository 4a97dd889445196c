"""What the checks of the lessons have found: each finding with its place, what differs, and how to mend it."""
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coursetool.errors import CourseError
from coursetool.shell import paint

LONGEST_DETAIL = 14  # lines of a difference that are shown


class LineError(CourseError):
    """Something wrong at one line of a page that only its author can mend."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    file: str                     # below the root
    line: int                     # 0: the file as a whole
    message: str
    detail: tuple[str, ...] = ()  # lines "- as it stands there" and "+ as it is now", or remarks
    mend: str = ""                # the command that mends it, if one does

    def text(self) -> str:
        """As it is printed, without the last line end."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        lines = [f"{paint(place, '1')}: {self.message}"]
        detail = list(self.detail)
        if len(detail) > LONGEST_DETAIL:
            left_out = len(detail) - LONGEST_DETAIL + 1
            detail[LONGEST_DETAIL - 1:] = [f"... and {left_out} more lines"]
        colors = {"-": "31", "+": "32"}
        lines += [f"    {paint(line, colors.get(line[:1], '2'))}" for line in detail]
        if self.mend:
            lines.append(f"    to mend it: {self.mend}")
        return "\n".join(lines)


class Report:
    """Collects findings, files written and remarks, in the order in which they come up."""

    def __init__(self, root: Path):
        self.root = root
        self.findings: list[Finding] = []
        self.written: list[str] = []
        self.remarks: list[str] = []

    def name(self, path: Path) -> str:
        """The path as a reader of the repository knows it."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def find(self, path: Path, line: int, message: str, detail: Sequence[str] = (), mend: str = "") -> None:
        """Adds a finding, unless it is there already."""
        finding = Finding(self.name(path), line, message, tuple(detail), mend)
        if finding not in self.findings:
            self.findings.append(finding)

    def remark(self, text: str) -> None:
        """Adds a line that is no finding, unless it is there already."""
        if text not in self.remarks:
            self.remarks.append(text)

    def write(self, path: Path, text: str, what: str) -> None:
        """Writes a file and remembers it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.written.append(f"wrote {self.name(path)} ({what})")

    def show(self) -> None:
        """Prints everything; findings to standard error."""
        for line in self.written + self.remarks:
            print(line)
        sys.stdout.flush()
        for finding in self.findings:
            print(finding.text(), file=sys.stderr)

"""Reads a page: its fenced blocks with the directives before them, generated parts, headings, links and prose."""
import re
from dataclasses import dataclass, field
from pathlib import Path

from coursetool.nearest import edit_distance
from coursetool.report import LineError

_COMMENT = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*")
_DIRECTIVE = re.compile(r"(?:(code|expected|not run|typed):\s*(.*)|(run)(?:\s+(.*))?|(changes|ladder|exercises|end))")
_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})\s*([^`]*?)\s*")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\s*\[[^\]^]+\]:\s*<?(\S+?)>?\s*$"
                   r"|<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
GENERATED = ("changes", "ladder", "exercises")
_FORMS = {
    "code": "code: file#region",
    "expected": "expected: main.txt",
    "not run": "not run: reason",
    "typed": "typed: reason",
    "run": "run",
    "changes": "changes",
    "ladder": "ladder",
    "exercises": "exercises",
    "end": "end",
}


@dataclass(frozen=True)
class Directive:
    """A comment that says where the block below it comes from."""

    name: str      # code, expected, run, not run, typed, changes, ladder, exercises
    argument: str
    line: int      # from 1


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    line: int                    # of its opening fence, from 1
    end: int                     # of its closing fence
    indent: str
    fence: str
    language: str
    body: tuple[str, ...]        # without the indent
    directive: Directive | None


@dataclass(frozen=True)
class Generated:
    """What stands between `<!-- changes -->` (or ladder, exercises) and `<!-- end -->`."""

    directive: Directive
    end: int                     # line of the end marker
    body: tuple[str, ...]
    indent: str = ""

    @property
    def line(self) -> int:
        """Of the beginning."""
        return self.directive.line


@dataclass
class Page:
    """A markdown file."""

    path: Path
    lines: list[str]
    blocks: list[Block] = field(default_factory=list)
    generated: list[Generated] = field(default_factory=list)
    headings: list[tuple[int, int, str]] = field(default_factory=list)  # line, level, text
    prose: list[tuple[int, str]] = field(default_factory=list)          # line, text: all the rest but comments and tables
    tables: list[tuple[int, str]] = field(default_factory=list)
    problems: list[LineError] = field(default_factory=list)

    def replaced(self, changes: dict[tuple[int, int], list[str]]) -> str:
        """The file's text with the lines strictly between two (fences or markers) replaced."""
        lines = list(self.lines)
        for (begin, end), body in sorted(changes.items(), reverse=True):
            lines[begin:end - 1] = body
        return "".join(f"{line}\n" for line in lines)

    def links(self) -> list[tuple[int, str]]:
        """Every link's line and target, those in code left out."""
        text = sorted(self.prose + self.tables + [(line, text) for line, _, text in self.headings]
                      + [(part.line + i, line) for part in self.generated for i, line in enumerate(part.body, 1)])
        return [(line, next(filter(None, match.groups()))) for line, content in text
                for match in _LINK.finditer(_CODE_SPAN.sub("", content))]

    def anchors(self) -> set[str]:
        """What `#...` may name in this page: headings as GitHub spells them, and ids given by hand."""
        found: set[str] = set()
        for _, _, text in self.headings:
            slug, number = slug_of(text), 0
            while (name := f"{slug}-{number}" if number else slug) in found:
                number += 1
            found.add(name)
        for _, text in self.prose:
            found.update(re.findall(r"<\w+[^>]*?\b(?:id|name)=\"([^\"]+)\"", text))
        return found

    def words(self) -> int:
        """Words of prose; code, generated parts, tables and headings are not prose."""
        text = "\n".join(line for _, line in self.prose)
        text = re.sub(r"\]\([^)]*\)|<[^>\n]*>", " ", text)
        return sum(1 for word in text.split() if re.search(r"\w", word))


def slug_of(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return text.replace(" ", "-")


def read_page(path: Path) -> Page:
    """Reads a page; what is wrong with its form is in `problems`."""
    page = Page(path, path.read_text(encoding="utf-8").splitlines())
    _Reader(page).read()
    return page


class _Reader:
    def __init__(self, page: Page):
        self.page = page
        self.at = 0                               # index of the next line
        self.pending: Directive | None = None     # a directive that waits for its block

    def problem(self, line: int, message: str) -> None:
        self.page.problems.append(LineError(line, message))

    def read(self) -> None:
        while self.at < len(self.page.lines):
            line = self.page.lines[self.at]
            self.at += 1
            if fence := _FENCE.fullmatch(line):
                self.block(fence)
            elif line.lstrip().startswith("<!--"):
                self.comment(line)
            elif line.strip():
                self.drop_pending()
                self.text(line)
        self.drop_pending()

    def drop_pending(self) -> None:
        if self.pending:
            self.problem(self.pending.line, f"<!-- {self.pending.name} --> belongs before a fenced block, and none follows it")
        self.pending = None

    def text(self, line: str) -> None:
        heading = re.fullmatch(r"(#{1,6})\s+(.*?)\s*#*\s*", line)
        if heading:
            self.page.headings.append((self.at, len(heading[1]), heading[2]))
        elif line.lstrip().startswith("|"):
            self.page.tables.append((self.at, line))
        else:
            self.page.prose.append((self.at, line))

    def block(self, fence: re.Match) -> None:
        begin, (indent, mark, language) = self.at, fence.groups()
        closing = re.compile(rf"\s*{re.escape(mark)}{re.escape(mark[0])}*\s*")
        body = []
        while self.at < len(self.page.lines) and not closing.fullmatch(self.page.lines[self.at]):
            body.append(self.page.lines[self.at].removeprefix(indent))
            self.at += 1
        if self.at == len(self.page.lines):
            self.problem(begin, f"the block begun by {mark} is not closed")
        self.at += 1
        self.page.blocks.append(Block(begin, self.at, indent, mark, language.split(" ")[0].lower(), tuple(body), self.pending))
        self.pending = None

    def comment(self, line: str) -> None:
        begin, whole = self.at, _COMMENT.fullmatch(line)
        content = whole[1] if whole else re.sub(r"\s*<!--\s*", "", line)
        directive = self.directive(content)
        if not whole:
            if directive:
                self.problem(begin, f"<!-- {directive.name} ends on another line; a directive stands on one line")
            while "-->" not in self.page.lines[self.at - 1] and self.at < len(self.page.lines):
                self.at += 1
        elif directive:
            self.drop_pending()
            if directive.name in GENERATED:
                self.generated(directive)
            elif directive.name == "end":
                self.problem(begin, f"<!-- end --> without a beginning: {' or '.join(f'<!-- {name} -->' for name in GENERATED)}")
            else:
                self.pending = directive
        else:
            word = (re.match(r"not run|\w+", content) or [""])[0]
            meant = next((name for name in _FORMS if edit_distance(word, name) <= 1), None)
            if meant:
                self.problem(begin, f"<!-- {content} --> is not understood; did you mean <!-- {_FORMS[meant]} -->?")

    def directive(self, content: str) -> Directive | None:
        found = _DIRECTIVE.fullmatch(content)
        if not found:
            return None
        return Directive(found[1] or found[3] or found[5], (found[2] or found[4] or "").strip(), self.at)

    def generated(self, directive: Directive) -> None:
        body = []
        while self.at < len(self.page.lines):
            line = self.page.lines[self.at]
            self.at += 1
            comment = _COMMENT.fullmatch(line)
            if comment and comment[1] == "end":
                self.page.generated.append(Generated(directive, self.at, tuple(body)))
                return
            body.append(line)
        self.problem(directive.line, f"<!-- {directive.name} --> has no <!-- end -->")

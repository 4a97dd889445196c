"""The form of pages: a lesson's sections and length, the length of its programs, and links that lead somewhere."""
import re
import subprocess
from functools import lru_cache
from pathlib import Path

from coursetool.markdown import Page, read_page
from coursetool.regions import strip_markers
from coursetool.report import Report
from coursetool.steps import Step

SECTIONS = ("The idea", "What changes", "The code, read together", "Run it", "What you should see", "Why it is so",
            "In Python and Lightning", "Exercises", "Next")
FEWEST_WORDS, MOST_WORDS = 600, 1200
MOST_LINES = 249  # of a program's source


def check_lesson(step: Step, page: Page, report: Report) -> None:
    """Title, sections, length and the summary of changes of a lesson's page."""
    titles = [(line, text) for line, level, text in page.headings if level == 1]
    if len(titles) != 1 or step.title.lower() not in titles[0][1].lower():
        line, found = titles[0] if titles else (1, "")
        report.find(page.path, line, f"the page's one title must hold that of step.toml, '{step.title}', "
                    + (f"but there are {len(titles)} titles" if len(titles) != 1 else f"but it is '{found}'"))
    _check_sections(step, page, report)
    words = page.words()
    if not FEWEST_WORDS <= words <= MOST_WORDS:
        report.find(page.path, 0, f"the page has {words} words of prose, but {FEWEST_WORDS} to {MOST_WORDS} are a lesson")
    if step.number > 0 and not any(part.directive.name == "changes" for part in page.generated):
        report.find(page.path, 0, "'What changes' is not generated; put <!-- changes --> and <!-- end --> into it")
    if any(step.folder.glob("exercises/*/exercise.toml")) and not any(part.directive.name == "exercises" for part in page.generated):
        report.find(page.path, 0, "'Exercises' does not list those of exercises/; put <!-- exercises --> and <!-- end --> into it")


def _check_sections(step: Step, page: Page, report: Report) -> None:
    found = [(line, text) for line, level, text in page.headings if level == 2]
    titles = [text for _, text in found]
    # The first step has nothing before it to change.
    wanted = [title for title in SECTIONS if step.number > 0 or title != "What changes" or title in titles]
    for (line, text), title in zip(found, wanted):
        if text != title:
            report.find(page.path, line, f"the section here must be '{title}', but it is '{text}'; the order is {' · '.join(wanted)}")
            return
    if len(found) < len(wanted):
        report.find(page.path, 0, f"the section '{wanted[len(found)]}' is missing; the order is {' · '.join(wanted)}")
    elif len(found) > len(wanted):
        line, text = found[len(wanted)]
        report.find(page.path, line, f"the section '{text}' is one too many; the order is {' · '.join(wanted)}")


def check_sources(step: Step, report: Report) -> None:
    """The length of a step's programs, the marks of regions not counted."""
    for program in step.programs:
        if not program.source.is_file():
            report.find(program.source, 0, "is missing, but step.toml names its program")
            continue
        lines = len(strip_markers(program.source.read_text(encoding="utf-8")).splitlines())
        if lines > MOST_LINES:
            report.find(program.source, 0, f"has {lines} lines, but a lesson's program stays at {MOST_LINES} or fewer")


def check_links(page: Page, root: Path, report: Report) -> None:
    """Every link that is not to another site must lead to a file of the repository, and to an anchor that is there."""
    targets = []
    for line, link in page.links():
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE):
            continue
        name, _, anchor = link.partition("#")
        path = (root / name.lstrip("/") if name.startswith("/") else page.path.parent / name) if name else page.path
        problem = _problem(path.resolve(), anchor, root.resolve())
        if problem:
            report.find(page.path, line, f"the link to '{link}' leads nowhere: {problem}")
        else:
            targets.append((line, link, path.resolve()))
    ignored = _ignored(root, [path for _, _, path in targets])
    for line, link, path in targets:
        if path in ignored:
            report.find(page.path, line, f"the link to '{link}' leads to a file that git ignores: others do not have it")


def _problem(path: Path, anchor: str, root: Path) -> str:
    if not path.is_relative_to(root):
        return "that is outside of the repository"
    if not path.exists():
        return f"there is no {path.relative_to(root)}"
    if not anchor:
        return ""
    if path.is_dir():
        return "a folder has no anchors"
    if path.suffix == ".md":
        known = _anchors(path, path.stat().st_mtime_ns)
        return "" if anchor in known else f"{path.relative_to(root)} has no heading '#{anchor}'; it has {', '.join(sorted(known))}"
    numbers = re.fullmatch(r"L(\d+)(?:-L(\d+))?", anchor)
    if not numbers:
        return f"'#{anchor}' is no line of a source, as #L12 is"
    last, length = int(numbers[2] or numbers[1]), len(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return "" if last <= length else f"{path.relative_to(root)} has only {length} lines"


@lru_cache
def _anchors(path: Path, _changed: int) -> frozenset[str]:
    return frozenset(read_page(path).anchors())


def _ignored(root: Path, paths: list[Path]) -> set[Path]:
    if not paths:
        return set()
    try:
        done = subprocess.run(["git", "-C", str(root), "check-ignore", "-z", "--stdin"], input="\0".join(map(str, paths)),
                              capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return set()
    return {Path(name) for name in done.stdout.split("\0") if name}  # nothing where this is no clone


def markdown_files(root: Path) -> list[Path]:
    """Every page of the repository: what git has or would add; without git, all but what is built or fetched."""
    try:
        done = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
                              capture_output=True, encoding="utf-8", check=False)
        listed = done.stdout.split("\0") if done.returncode == 0 else None
    except FileNotFoundError:
        listed = None
    if listed is None:
        listed = [str(path.relative_to(root)) for path in root.rglob("*.md")]
        listed = [name for name in listed if not re.match(r"(build|data|runs|\.\w+)/", name)]
    return sorted({root / name for name in listed if name and (root / name).is_file()})

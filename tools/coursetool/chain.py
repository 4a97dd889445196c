"""The lessons as a line of commits, one for each: a change of an early one is rebased through its copies, and written back."""
import contextlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursetool.errors import CourseError, UsageError
from coursetool.nearest import did_you_mean
from coursetool.shell import show
from coursetool.steps import Step, find_step, load_steps

Code = dict[str, bytes]  # the code of a lesson: names below its folder, with what the files hold

BRANCH = "main"
UNCHANGED = "unchanged"  # tag: the lesson whose change is carried, as it was committed; its own tag is what it is now
MARKER = re.compile(rb"^(?:<{7}|\|{7}|>{7}) ", re.MULTILINE)  # what git leaves where it could not merge

# Of the repository itself, so that whoever works in it by hand gets the same merges without an identity or any set-up.
SETTINGS = {
    "course.chain": "true",
    "user.name": "course", "user.email": "course@localhost", "commit.gpgSign": "false",
    "core.autocrlf": "false", "core.fileMode": "false", "core.hooksPath": os.devnull, "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
    "merge.conflictStyle": "diff3",        # with what stood there before both changes
    "merge.directoryRenames": "false",     # a file goes where its own lesson puts it
    "advice.detachedHead": "false",
}
# The threshold is low because lessons are short files, of which the next one rewrites a good part.
REBASE = ("rebase", "--quiet", "--empty=keep", "-X", "find-renames=40%", "-X", "diff-algorithm=histogram")


def main(root: Path, arguments: list[str]) -> int:
    """chain carry STEP | make [DIR] | back [DIR]"""
    for word in arguments:
        if word.startswith("-"):
            raise UsageError(f"./course chain has no flag {word} (./course chain --help)")
    act, words = (arguments[0], arguments[1:]) if arguments else ("", [])
    if act not in ("carry", "make", "back"):
        raise UsageError(f"./course chain takes carry, make or back{f', not {act!r}' if act else ', as in ./course chain carry 05'}"
                         f"{did_you_mean(act, ('carry', 'make', 'back'))}")
    if act == "carry":
        if len(words) != 1:
            raise UsageError(f"./course chain carry takes one step, not {len(words)}, as in ./course chain carry 05")
        carry(root, words[0])
        return 0
    if len(words) > 1:
        raise UsageError(f"./course chain {act} takes one folder, not {len(words)}")
    (make if act == "make" else back)(root, Path(words[0]).resolve() if words else None)
    return 0


def carry(root: Path, word: str) -> None:
    """Merges what is changed in a step, against the last commit, into every step behind it."""
    steps = load_steps(root)
    step = find_step(steps, word)
    behind = steps[steps.index(step) + 1:]
    code = {each: working_code(each.folder) for each in steps}
    committed = _committed_code(root, [step, *behind])
    if not committed[step]:
        raise CourseError(f"no code of {step.folder.name} is committed, so that nothing tells what is changed in it; commit it first")
    if code[step] == committed[step]:
        print(f"nothing to carry: the code of {step.folder.name} is as it was committed")
        return
    if not behind:
        print(f"nothing to carry: no lesson comes behind {step.folder.name}")
        return
    for other in behind:
        if name := _first_difference(code[other], committed[other]):
            raise CourseError(f"{other.folder.name}/{name} is not as it was committed, and would be written to; "
                              f"commit or stash (git stash push {other.folder.name}) what is changed there first")
    chain = _Chain(_default_folder(root))
    chain.replace(steps, code, carried=(step, committed[step]))
    print(f"the lessons as commits: {chain.shown}")
    rebase = [*REBASE, "--onto", step_tag(step), UNCHANGED, BRANCH]
    show(["git", *rebase], chain.folder)
    if (done := chain.git(*rebase)).returncode:
        if not chain.rebasing():
            raise CourseError(f"git could not rebase {chain.shown}: {_words(done)}")
        _tell_conflict(chain, steps)
    _write_back(chain, steps, behind)


def make(root: Path, folder: Path | None = None) -> None:
    """Makes a repository with one commit for each step, for `git rebase -i`."""
    steps = load_steps(root)
    chain = _Chain(folder or _default_folder(root))
    chain.replace(steps, {step: working_code(step.folder) for step in steps})
    argument = "" if folder is None else f" {chain.shown}"
    print(f"{chain.shown}: {len(steps)} commits on the branch {BRANCH}, with the tags {step_tag(steps[0])} to {step_tag(steps[-1])}\n"
          f"change what you like, as with (cd {chain.shown} && git {shlex.join(REBASE)} -i --root),\n"
          f"and bring it into the lessons with ./course chain back{argument}")


def back(root: Path, folder: Path | None = None) -> None:
    """Writes what is changed in the chain's commits into the folders of their steps."""
    steps = load_steps(root)
    _write_back(_Chain(folder or _default_folder(root)), steps, steps)


def is_carried(name: str) -> bool:
    """Is a file of that name below a lesson's folder code? Sources, headers, CMakeLists.txt; twins in Python; configs."""
    path = PurePosixPath(name)
    top = path.parts[0]
    if top == "python":
        return path.suffix == ".py"
    if top in ("exercises", "expected"):
        return False
    return path.suffix in (".cpp", ".h") or path.name == "CMakeLists.txt" or (top == "configs" and path.suffix == ".toml")


def working_code(folder: Path) -> Code:
    """The code of a lesson as it stands in its folder."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {name: path.read_bytes() for name, path in paths.items() if is_carried(name) and path.is_file()}


def step_tag(step: Step) -> str:
    """`step05`: the tag of the lesson's code when the chain was made, and the first word of its commit."""
    return f"step{step.label}"


def write_files(contents: dict[Path, bytes | None]) -> None:
    """Writes all files (None: removes it), or leaves all as they were and raises CourseError."""
    before = {path: path.read_bytes() if path.is_file() else None for path in contents}
    touched = []
    try:
        for path, content in contents.items():
            touched.append(path)
            _put(path, content)
    except BaseException as error:
        for path in touched:
            with contextlib.suppress(OSError):
                _put(path, before[path])
        if isinstance(error, OSError):
            raise CourseError(f"{touched[-1]} cannot be written ({error.strerror}); all files are as they were") from None
        raise


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        for parent in path.parents:  # a step's own folder holds more than code
            try:
                parent.rmdir()
            except OSError:
                return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.chain")
    try:
        temporary.write_bytes(content)
        if path.is_file():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _default_folder(root: Path) -> Path:
    return root / "build" / "chain"


def _first_difference(a: Code, b: Code) -> str | None:
    return min((name for name in a.keys() | b.keys() if a.get(name) != b.get(name)), default=None)


def _words(done: subprocess.CompletedProcess) -> str:
    """What a command that failed said, on one line."""
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split())


@dataclass(frozen=True)
class _Repository:
    """Git in one folder."""

    folder: Path

    def environment(self) -> dict[str, str]:
        # Set while git runs a hook; the repository is the one that the folder lies in.
        return {key: value for key, value in os.environ.items()
                if key not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")}

    def git(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        """Runs a command of git, whatever comes of it."""
        try:
            return subprocess.run(["git", *arguments], cwd=self.folder, env=self.environment(), input=stdin,
                                  capture_output=True, check=False)
        except FileNotFoundError:
            raise CourseError("git was not found; it is what merges the lessons (apt-get install git)") from None

    def must(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What a command of git prints; CourseError if it fails."""
        done = self.git(*arguments, stdin=stdin)
        if done.returncode:
            raise CourseError(f"git {arguments[0]} failed in {self.folder}: {_words(done)}")
        return done.stdout

    def files(self, revision: str, folders: Iterable[str] = ()) -> Code:
        """All files of a commit below this folder, or below some folders in it."""
        listing = self.must("ls-tree", "-r", "-z", revision, "--", *(f"{folder}/" for folder in folders))
        names, ids = [], []
        for entry in listing.decode().split("\0")[:-1]:
            about, _, name = entry.partition("\t")
            mode, _, number = about.split(" ")
            if mode.startswith("100"):  # a file, no link
                names.append(name)
                ids.append(number)
        blobs, at, found = self.must("cat-file", "--batch", stdin="".join(f"{number}\n" for number in ids).encode()), 0, {}
        for name in names:
            end_of_line = blobs.index(b"\n", at)
            start, size = end_of_line + 1, int(blobs[at:end_of_line].split()[-1])
            found[name] = blobs[start:start + size]
            at = start + size + 1
        return found


def _committed_code(root: Path, steps: list[Step]) -> dict[Step, Code]:
    """The code of steps in the last commit; {} for a step that is not in it."""
    repository = _Repository(root)
    if repository.git("rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise CourseError(f"git knows no commit in {root}, so that nothing tells what is changed")
    files = repository.files("HEAD", [step.folder.name for step in steps])
    code: dict[Step, Code] = {step: {} for step in steps}
    of_folder = {step.folder.name: code[step] for step in steps}
    for path, content in files.items():
        folder, _, name = path.partition("/")
        if is_carried(name):
            of_folder[folder][name] = content
    return code


class _Chain(_Repository):
    """The repository whose commits are the lessons."""

    def environment(self) -> dict[str, str]:
        # Nobody's own settings, and never the repository around this one.
        return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent), "GIT_EDITOR": "true"}

    @property
    def shown(self) -> str:
        """The folder as it can be typed here."""
        here = Path.cwd()
        return shlex.quote(str(self.folder.relative_to(here) if self.folder.is_relative_to(here) else self.folder))

    def exists(self) -> bool:
        return (self.folder / ".git").is_dir() and self.git("config", "course.chain").returncode == 0

    def rebasing(self) -> bool:
        return any((self.folder / ".git" / name).exists()
                   for name in ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"))

    def given_up(self) -> bool:
        """Is it as carry made it before the change, as `git rebase --abort` leaves it?"""
        return self.git("merge-base", "--is-ancestor", UNCHANGED, "HEAD").returncode == 0

    def uncommitted(self) -> str | None:
        """A file that is not as in the last commit."""
        status = self.must("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all").decode()
        changed = ((entry[:2], entry[3:]) for entry in status.split("\0")[:-1])
        return next((name for state, name in changed if state != "??" or is_carried(name)), None)

    def subjects(self) -> dict[str, str]:
        """The commits, from the first on, with their first lines."""
        lines = self.must("log", "--reverse", "--format=%H %s", "HEAD").decode().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def has_news(self) -> bool:
        """Does it hold anything that is in no lesson's folder yet?"""
        if self.uncommitted():
            return True
        made = self.must("log", "--no-walk=unsorted", "--format=%T", "--tags=step[0-9][0-9]").split()
        return not self.given_up() and not set(self.must("log", "--format=%T", "HEAD").split()) <= set(made)

    def stopped(self) -> tuple[str, dict[str, str]]:
        """Where a rebase stands: the tag of the step, and the files that are in conflict, with git's two letters for how."""
        tag = self.must("log", "-1", "--format=%s", "REBASE_HEAD").decode().partition(":")[0]
        status = self.must("status", "--porcelain", "-z", "--no-renames").decode().split("\0")[:-1]
        return tag, {entry[3:]: entry[:2] for entry in status if "U" in entry[:2] or entry[:2] in ("AA", "DD")}

    def replace(self, steps: list[Step], code: dict[Step, Code], carried: tuple[Step, Code] | None = None) -> None:
        """Makes the repository, one commit and one tag for each step. Of the step whose change is carried, the branch
        has the code it was committed with, while its tag, beside the branch, has the changed one."""
        self.refuse_to_lose()
        commits, tags = [], []
        for number, step in enumerate(steps, start=1):
            is_carried_from = carried is not None and step is carried[0]
            contents = carried[1] if is_carried_from else code[step]
            commits.append(_commit(f"refs/heads/{BRANCH}", number, number - 1, step, contents))
            tags.append(f"reset refs/tags/{UNCHANGED if is_carried_from else step_tag(step)}\nfrom :{number}\n\n".encode())
            if is_carried_from:
                tags.append(_commit(f"refs/tags/{step_tag(step)}", len(steps) + 1, number - 1, step, code[step]))
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise CourseError(f"{self.shown} cannot be made anew: {error.strerror}") from None
        self.must("init", "--quiet", f"--initial-branch={BRANCH}", "--template=")
        for key, value in SETTINGS.items():
            self.must("config", key, value)
        (self.folder / ".git" / "info").mkdir(exist_ok=True)
        (self.folder / ".git" / "info" / "exclude").write_text("*.orig\n*~\n.*.sw?\n", encoding="utf-8")  # of merge tools, editors
        self.must("fast-import", "--quiet", "--date-format=now", stdin=b"".join(commits + tags))
        self.must("reset", "--quiet", "--hard")

    def refuse_to_lose(self) -> None:
        """Raises CourseError unless the folder may be made anew."""
        if not self.folder.exists() or (self.folder.is_dir() and not any(self.folder.iterdir())):
            return
        if not self.exists():
            raise CourseError(f"{self.shown} is there already, and no chain of lessons; name another folder")
        if self.rebasing():
            raise CourseError(f"in {self.shown} a rebase is still going on; finish it and ./course chain back, or give it up: "
                              f"rm -rf {self.shown}")
        if self.has_news():
            raise CourseError(f"{self.shown} holds changes that are not in the lessons yet; ./course chain back brings them "
                              f"there, rm -rf {self.shown} gives them up")


def _commit(ref: str, mark: int, parent: int, step: Step, code: Code) -> bytes:
    """One commit as `git fast-import` takes it; parent 0: it is the first."""
    message = f"{step_tag(step)}: {step.title}\n".encode()
    parts = [f"commit {ref}\nmark :{mark}\ncommitter course <course@localhost> now\ndata {len(message)}\n".encode(), message]
    parts += [f"from :{parent}\n".encode()] if parent else []
    parts += [b"deleteall\n"]
    for name, content in code.items():
        parts += [f"M 100644 inline {name}\ndata {len(content)}\n".encode(), content, b"\n"]
    return b"".join([*parts, b"\n"])


def _tell_conflict(chain: _Chain, steps: list[Step]) -> None:
    """Prints what to do where the rebase has stopped, and raises CourseError."""
    tag, states = chain.stopped()
    print(f"{tag} has rewritten what is carried. In {chain.shown}:")
    for name, state in states.items():
        # To git, "ours" is the lesson before with the change, and "theirs" the one that is replayed upon it.
        if state in ("UD", "DD"):
            print(f"  {name}: {tag} has no such file any more; make the change where the code is now, and git rm {name}")
        elif state == "DU":
            print(f"  {name}: what is carried removes it, but {tag} rewrites it; git rm {name}, or keep it")
        else:
            print(f"  {name}: merge it by hand; if the code has moved to another file, take {tag}'s with\n"
                  f"  {'':{len(name)}}  git checkout --theirs {name}, and make the change where the code is now")
    print(f"  git diff REBASE_HEAD~ HEAD shows the change\n"
          "  git add -A && GIT_EDITOR=true git rebase --continue goes on, as often as needed\n"
          f"At last: ./course chain back (or rm -rf {chain.shown}, to give it up)")
    step = next((step.folder.name for step in steps if step_tag(step) == tag), tag)
    raise CourseError(f"the change does not fit {step} by itself: mend {', '.join(states) or 'it'} in {chain.shown}, "
                      "git rebase --continue there, and then ./course chain back")


def _write_back(chain: _Chain, steps: list[Step], told: list[Step]) -> None:
    """Brings the chain into the working tree, all or nothing; a line is printed for each step of `told`."""
    if not chain.folder.exists() or not chain.exists():
        raise CourseError(f"{chain.shown} is no chain of lessons; ./course chain make makes one")
    if chain.rebasing():
        raise CourseError(f"in {chain.shown} a rebase is still going on; bring it to its end first (git status there says how)")
    if chain.given_up():
        raise CourseError(f"{chain.shown} is without the change that was to be carried, its rebase was given up; "
                          "./course chain carry begins again")
    if name := chain.uncommitted():
        raise CourseError(f"{name} in {chain.shown} is changed, but in no commit; commit it to its lesson first")
    commits = _commits(chain, steps)
    contents: dict[Path, bytes | None] = {}
    lines = {}
    for step, commit in commits.items():
        new = _lesson_of(chain, step, commit)
        now = working_code(step.folder)
        made_from = chain.files(f"refs/tags/{step_tag(step)}")
        if now not in (made_from, new):
            raise CourseError(f"{step.folder.name}/{_first_difference(now, made_from)} was changed since {chain.shown} was made "
                              f"from it; bring that change into the chain's commit and undo it here, or begin again: rm -rf {chain.shown}")
        changed = [name for name in sorted(now.keys() | new.keys()) if now.get(name) != new.get(name)]
        contents |= {step.folder / name: new.get(name) for name in changed}
        lines[step] = ", ".join(name + (" (new)" if name not in now else " (removed)" if name not in new else "")
                                for name in changed)
    write_files(contents)
    for step, commit in commits.items():
        chain.must("tag", "--force", step_tag(step), commit)
    width = max(len(step.folder.name) for step in told)
    for step in told:
        print(f"{step.folder.name:{width}}  {lines[step] or 'nothing to carry'}")


def _commits(chain: _Chain, steps: list[Step]) -> dict[Step, str]:
    """The commit of each step; CourseError unless they are one for each, in their order."""
    subjects = chain.subjects()
    wanted = [step_tag(step) for step in steps]
    found = [subject.partition(":")[0] for subject in subjects.values()]
    if found != wanted:
        raise CourseError(f"{chain.shown} must have one commit for each lesson, {wanted[0]} to {wanted[-1]} in their order, with "
                          f"messages such as '{wanted[0]}: {steps[0].title}', but it has {', '.join(found)}")
    for tag in wanted:
        if chain.git("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}").returncode:
            raise CourseError(f"{chain.shown} has no tag {tag}, which tells what the lesson was before; "
                              "git tag it, or begin again with ./course chain make")
    return dict(zip(steps, subjects))


def _lesson_of(chain: _Chain, step: Step, commit: str) -> Code:
    """The code in a step's commit; CourseError if there is anything in it that no lesson should get."""
    code = chain.files(commit)
    for name, content in code.items():
        if not is_carried(name):
            raise CourseError(f"{name} in the commit {step_tag(step)} of {chain.shown} is no code of a lesson; take it out there "
                              "(git rebase -i), pages and expected output are not carried")
        if mark := MARKER.search(content):
            line = content.count(b"\n", 0, mark.start()) + 1
            raise CourseError(f"{name}:{line} in the commit {step_tag(step)} of {chain.shown} has a conflict's mark; mend it there "
                              "(git rebase -i) first")
    return code

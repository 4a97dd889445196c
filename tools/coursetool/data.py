"""The data sets: what is found where, and how one that is missing is fetched and checked."""
import contextlib
import gzip
import hashlib
import http.client
import os
import signal
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coursetool.errors import CourseError, UsageError, printable
from coursetool.nearest import did_you_mean
from coursetool.shell import paint

LARGEST, LARGEST_UNPACKED = 100 << 20, 200 << 20  # bytes of a file, of which the largest has 26 MB, and 47 MB unpacked
SLOWEST = 1800  # seconds for one

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True)
class DataSet:
    """Where a data set is published, and what its files must be: sha256 of the content, or md5 of the .gz."""

    hosts: tuple[str, ...]
    sums: dict[str, str]


DATA_SETS = {
    "fashion-mnist": DataSet(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        {NAMES[0]: "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
         NAMES[1]: "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
         NAMES[2]: "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
         NAMES[3]: "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}),
    "mnist": DataSet(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        {NAMES[0]: "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
         NAMES[1]: "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
         NAMES[2]: "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
         NAMES[3]: "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}),
}


def places(root: Path) -> list[tuple[Path, str]]:
    """Where the lessons look, in their order."""
    found = [(Path(os.environ["COURSE_DATA"]), "$COURSE_DATA")] if os.environ.get("COURSE_DATA") else []
    return [*found, (root / "data", "the repository's data/"), (root / "data" / "fashion-mnist", "fetched by ./course data"),
            (root / "data" / "mnist", "fetched by ./course data; used with --data-dir"),
            (Path("/usr/share/datasets/fashion-mnist"), "Debian's package dataset-fashion-mnist"),
            (root / "common" / "data" / "sample", "the small sample that ships with the course")]


def spellings(folder: Path, name: str) -> list[Path]:
    """The files in the folder that are the one of that name: packed or not, with a point or a dash in it."""
    dotted = name.replace("-idx", ".idx")
    return [path for path in (folder / word for word in (name, f"{name}.gz", dotted, f"{dotted}.gz")) if path.is_file()]


def present(folder: Path) -> list[str]:
    """The names of those of the four files that are there."""
    return [name for name in NAMES if spellings(folder, name)]


def report(root: Path) -> list[tuple[str, str, str]]:
    """For each place: complete, incomplete or absent; the folder; why it is looked at."""
    rows = []
    for folder, why in places(root):
        files = present(folder)
        state = "complete" if len(files) == len(NAMES) else f"{len(files)} of 4 files" if files else "not there"
        rows.append((state, str(folder), why))
    return rows


def main(root: Path, arguments: list[str]) -> int:
    """The verb `data`."""
    words, url = [], None
    given = iter(arguments)
    for word in given:
        if word == "--url":
            url = next(given, None)
            if not url:
                raise UsageError("--url needs an address, as in --url http://127.0.0.1:8000/")
        elif word.startswith("-"):
            raise UsageError(f"./course data has no flag {word} (./course data --help)")
        else:
            words.append(word)
    if len(words) > 1:
        raise UsageError(f"./course data takes one name, not {len(words)}")
    if words:
        if words[0] not in DATA_SETS:
            raise UsageError(f"there is no data set '{words[0]}'{did_you_mean(words[0], DATA_SETS)}; "
                             f"there are {', '.join(DATA_SETS)}")
        fetch(words[0], root / "data" / words[0], url)
        return 0
    rows = report(root)
    used = next((i for i, row in enumerate(rows) if row[0] == "complete" and "--data-dir" not in row[2]), None)
    for i, (state, folder, why) in enumerate(rows):
        mark = paint("→", "32") if i == used else " "
        print(f"{mark} {state:12}  {folder}\n{'':16}{paint(why, '2')}")
    print("\n→ is what the lessons use. To fetch a whole set: ./course data fashion-mnist, ./course data mnist")
    return 0


def fetch(name: str, folder: Path, url: str | None = None, sets: dict[str, DataSet] | None = None) -> None:
    """Fetches the files of a set that are not in the folder yet; each appears only when its sum is right. Checks those that are."""
    data_set = (sets or DATA_SETS)[name]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"{folder} cannot be made: {error.strerror}") from None
    for file, expected in data_set.sums.items():
        if there := spellings(folder, file):
            print(f"{file}: there already, {verify(there[0], expected)}")
            continue
        failures = []
        for host in [url] if url else data_set.hosts:
            try:
                with deadline(SLOWEST):
                    fetch_file(host.rstrip("/") + f"/{file}.gz", folder / f"{file}.gz", expected)
                print(f"{file}: fetched, checksum right")
                break
            except (OSError, EOFError, zlib.error, ValueError, http.client.HTTPException, CourseError) as error:
                failures.append(f"{host} ({printable(getattr(error, 'reason', None) or error or type(error).__name__)})")
        else:
            raise CourseError(f"{file}.gz could not be fetched from {' nor '.join(failures)}; nothing was kept of it. "
                              "Try again, or --url another mirror, or put the file into "
                              f"{folder} by hand")


def verify(file: Path, expected: str) -> str:
    """What is known of a file that is there already; CourseError if it is another one than was published."""
    kind, _, right = expected.partition(":")
    if kind == "md5" and file.suffix != ".gz":
        return "unpacked: its checksum is not known"
    try:
        found = checksum(file, kind)
    except (OSError, EOFError, zlib.error, CourseError) as error:
        found = printable(error)
    if found != right:
        raise CourseError(f"{file} is damaged, or not what was published: its {kind} is {found}, but {right} was expected; "
                          "remove it, and fetch it again")
    return "checksum right"


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """TimeoutError when what is done takes longer, however slowly it goes on. In the main thread alone."""
    def over(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"it took more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def remove_leftovers(target: Path) -> None:
    """What killed downloads of this file have left; those of living processes are none of our business."""
    for path in target.parent.glob(f".{target.name}.tmp.*"):
        try:
            os.kill(int(path.name.rpartition(".")[2]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except (ValueError, OverflowError, PermissionError):
            pass


def fetch_file(address: str, target: Path, expected: str) -> None:
    """Downloads beside the target, checks, and only then gives the file its name."""
    remove_leftovers(target)
    temporary = target.with_name(f".{target.name}.tmp.{os.getpid()}")
    try:
        with open(temporary, "wb") as out, urllib.request.urlopen(address, timeout=60) as source:
            size, done = int(source.headers.get("Content-Length") or 0), 0
            while block := source.read1(1 << 18):
                done += len(block)
                if max(done, size) > LARGEST:
                    raise CourseError(f"it is larger than {LARGEST >> 20} MiB, which none of these files is")
                out.write(block)
                if sys.stderr.isatty() and size:
                    print(f"\r{target.name}: {100 * done // size} %", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        if done < size:
            raise CourseError(f"only {done} of its {size} bytes came")
        kind, _, right = expected.partition(":")
        found = checksum(temporary, kind)
        if found != right:
            raise CourseError(f"its {kind} is {found}, but {right} was expected")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def checksum(file: Path, kind: str) -> str:
    """md5 of the file as it is, or sha256 of its content, which may be packed."""
    digest, size = hashlib.new(kind), 0
    with open(file, "rb") as begin:
        is_packed = begin.read(2) == b"\x1f\x8b"
    with (gzip.open(file, "rb") if kind == "sha256" and is_packed else open(file, "rb")) as content:
        while block := content.read(1 << 20):
            size += len(block)
            if size > LARGEST_UNPACKED:
                raise CourseError(f"it unpacks to more than {LARGEST_UNPACKED >> 20} MiB, which none of these files does")
            digest.update(block)
    return digest.hexdigest()

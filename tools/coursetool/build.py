"""Configures, builds and tests with CMake's presets."""
import os
import re
import sys
from pathlib import Path

from coursetool.errors import CommandFailed, UsageError
from coursetool.packages import OWN_LIBTORCH
from coursetool.shell import call, output, run

PRESETS = ("release", "dev", "asan", "cuda")


def folder(root: Path, preset: str) -> Path:
    """Where a preset builds."""
    return root / "build" / preset


def configuring(root: Path, preset: str) -> list[str]:
    """What configures the preset: once, and afresh when another libtorch is asked for than before. []: nothing is to be done."""
    there = folder(root, preset)
    asked = [f"{name}={os.environ[name]}" for name in OWN_LIBTORCH if os.environ.get(name)]
    stamp = there / ".course_torch"
    before = stamp.read_text(encoding="utf-8").split("\n") if stamp.exists() else [""]
    configured = (there / "build.ninja").exists()
    fresh = configured and before != (asked or [""])
    if configured and not fresh:
        return []
    there.mkdir(parents=True, exist_ok=True)
    stamp.write_text("\n".join(asked), encoding="utf-8")
    return ["cmake", "--preset", preset, *(["--fresh"] if fresh else [])]


def configure(root: Path, preset: str) -> None:
    """Configures if need be."""
    if command := configuring(root, preset):
        run(command, root)


def build(root: Path, preset: str, target: str | None) -> None:
    """Builds a target, or everything."""
    configure(root, preset)
    command = ["cmake", "--build", "--preset", preset, *(["--target", target] if target else [])]
    code, dry = output(["ninja", "-C", str(folder(root, preset)), "-n", *([target] if target else [])])
    if code == 0 and "no work to do" in dry:
        return
    if call(command, root):
        raise CommandFailed("the build failed; the first line with 'error:' above says why, and docs/faq.md knows "
                            "many of them", 1)


def test(root: Path, preset: str, name: str | None) -> int:
    """Runs ctest; its exit code."""
    command = ["ctest", "--preset", preset, *(["-R", name] if name else [])]
    if name:
        _, listing = output([*command, "-N"], root)
        if re.search(r"Total Tests: 0", listing):
            raise UsageError(f"no test's name matches '{name}'; ctest --preset {preset} -N lists them")
    sys.stdout.flush()
    return call(command, root)

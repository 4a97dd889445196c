"""./course plot: the curves of one run, or of several side by side."""
import json
import math
import re
import subprocess
from pathlib import Path

from coursetool import build, packages
from coursetool.errors import CourseError, UsageError, printable
from coursetool.nearest import did_you_mean
from coursetool.runs import Run, newest_run, read_run, subject

VALUES = ("--metric", "--x", "--smooth", "--svg")


def parse(arguments: list[str]) -> tuple[list[str], dict[str, list[str]], bool]:
    """The runs, the options with their values, and whether the axis is logarithmic."""
    runs, options, log = [], {name: [] for name in VALUES}, False
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--log":
            log = True
        elif name in VALUES:
            given = value if equals else next(words, None)
            if given is None:
                raise UsageError(f"{name} needs a value (./course plot --help)")
            options[name].append(given)
        elif word.startswith("-"):
            raise UsageError(f"./course plot has no flag {word}{did_you_mean(word, [*VALUES, '--log'])} (./course plot --help)")
        else:
            runs.append(word)
    return runs, options, log


def smoothed(values: list[float], weight: float) -> list[float]:
    """TensorBoard's: an exponential mean, without the pull of its start; what is not finite stays as it is."""
    mean, count, result = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            result.append(value)
            continue
        count += 1
        mean = mean * weight + (1 - weight) * value
        result.append(mean / (1 - weight ** count))
    return result


def axis(runs: list[Run], wanted: str | None) -> str:
    """Along what all curves can be drawn: steps if there are any, else epochs."""
    points = [point for run in runs for metric in run.metrics.values() for point in metric]
    if wanted is None:
        return "step" if any(step is not None for step, _, _ in points) else "epoch"
    if wanted not in ("step", "epoch"):
        raise UsageError(f"--x is '{wanted}', but must be step or epoch")
    if not any(point[wanted == "epoch"] is not None for point in points):
        raise CourseError(f"these runs have no {wanted}s; leave --x out")
    return wanted


def chosen(runs: list[Run], wanted: list[str]) -> list[str]:
    """The metrics to draw: those asked for by name or by what they are of, else all."""
    known = sorted({metric for run in runs for metric in run.metrics})
    found = []
    for name in wanted:
        matches = [metric for metric in known if name in (metric, re.sub(r"_(step|epoch)$", "", metric), subject(metric))]
        if not matches:
            raise UsageError(f"no run has a metric '{name}'{did_you_mean(name, known)}; there are {printable(', '.join(known))}")
        found += [metric for metric in matches if metric not in found]
    return found or known


def labels(folders: list[Path]) -> list[str]:
    """Of each path the parts that tell it from the others; runs that are the same one are numbered."""
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        ends = [folder.parts[-length:] for folder in folders]
        if len(set(ends)) < len(ends):
            continue
        same = [len({end[i:i + 1] for end in ends}) == 1 for i in range(length)]
        return ["/".join(part for part, is_same in zip(end, same) if not is_same) or end[-1] for end in ends]
    return [f"{folder.name} ({number})" for number, folder in enumerate(folders, 1)]


def plots(runs: list[Run], metrics: list[str], x: str, weight: float, log: bool) -> list[dict]:
    """A plot for each subject, with a curve for each of its metrics in each run."""
    charts: dict[str, dict] = {}
    names = labels([run.folder for run in runs])
    subjects = [subject(metric) for metric in metrics]
    for metric in metrics:
        alone = subjects.count(subject(metric)) == 1
        chart = charts.setdefault(subject(metric), {"title": metric if alone else subject(metric), "x_label": x, "log_y": log, "curves": []})
        for name, run in zip(names, runs):
            points = [(point[x == "epoch"], point[2]) for point in run.metrics.get(metric, [])]
            points = sorted((point for point in points if point[0] is not None), key=lambda point: point[0])
            if not points:
                continue
            values = smoothed([value for _, value in points], weight) if weight else [value for _, value in points]
            curve = metric if len(runs) == 1 else name if alone else f"{name} {metric}"
            chart["curves"].append({"name": curve, "x": [at for at, _ in points],
                                    "y": [value if math.isfinite(value) else None for value in values]})
    return [chart for chart in charts.values() if chart["curves"]]


def name_files(charts: list[dict], file: str) -> None:
    """curves.svg; of several charts curves-loss.svg, curves-accuracy.svg."""
    path = Path(file)
    if path.suffix.lower() != ".svg":
        raise UsageError(f"--svg is '{file}', but the file's name must end in .svg")
    for chart in charts:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in chart["title"])
        chart["svg"] = str(path if len(charts) == 1 else path.with_name(f"{path.stem}-{safe}.svg"))


def main(root: Path, preset: str, arguments: list[str]) -> int:
    words, options, log = parse(arguments)
    last = {name: values[-1] if values else None for name, values in options.items()}
    try:
        weight = float(last["--smooth"] or 0)
    except ValueError:
        weight = -1
    if not 0 <= weight < 1:
        raise UsageError(f"--smooth is '{last['--smooth']}', but must be at least 0 and below 1, such as 0.6")
    runs = [read_run(Path(word)) for word in words or [newest_run()]]
    charts = plots(runs, chosen(runs, options["--metric"]), axis(runs, last["--x"]), weight, log)
    if not charts:
        raise CourseError("none of these metrics has a point on that axis; try the other --x")
    if last["--svg"]:
        name_files(charts, last["--svg"])
    packages.install(("build",))
    if not (build.folder(root, preset) / "bin" / "course_draw").is_file():
        build.build(root, preset, "course_draw")
    done = subprocess.run([build.folder(root, preset) / "bin" / "course_draw"], check=False, text=True,
                          input="".join(json.dumps(chart) + "\n" for chart in charts))
    for chart in charts if last["--svg"] and done.returncode == 0 else []:
        print(chart["svg"])
    return done.returncode

"""The verbs of `./course`: what each takes, what it does, and how errors reach the user."""
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coursetool import build, packages
from coursetool.errors import CourseError, UsageError
from coursetool.nearest import did_you_mean
from coursetool.shell import colored, paint, show
from coursetool.steps import find_program, find_step, load_steps

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Verb:
    """One verb: its usage, its line in the overview, the rest of its help, and what does it."""

    usage: str
    line: str
    more: str
    act: Callable[[list[str]], int]


def main(arguments: list[str]) -> int:
    """Runs a verb; prints an error as one line and returns the exit code."""
    try:
        return dispatch(arguments)
    except CourseError as error:
        print(f"{paint('error:', '31', sys.stderr)} {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def dispatch(arguments: list[str]) -> int:
    """The verb that the first word names, with the rest."""
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        if len(arguments) > 1 and arguments[1] in VERBS:
            print(verb_help(arguments[1]))
        else:
            print(overview())
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in VERBS:
        raise UsageError(f"./course has no verb '{name}'{did_you_mean(name, VERBS)}; it has {', '.join(VERBS)}")
    before_dashes = rest[:rest.index("--")] if "--" in rest else rest
    if "-h" in before_dashes or "--help" in before_dashes:
        print(verb_help(name))
        return 0
    return VERBS[name].act(rest)


def overview() -> str:
    """What `./course` alone prints."""
    lines = ["Torch, step by step: neural networks in C++ with libtorch.", "",
             f"  {paint('./course run', '1')}     install what is missing, build, and train a network",
             f"  {paint('./course list', '1')}    the lessons", "", "The verbs (./course VERB --help tells more):", ""]
    width = max(len(verb.usage) for verb in VERBS.values())
    lines += [f"  {verb.usage:{width}}  {verb.line}" for verb in VERBS.values()]
    return "\n".join(lines)


def verb_help(name: str) -> str:
    """What `./course VERB --help` prints."""
    verb = VERBS[name]
    return f"./course {verb.usage}\n\n{verb.line[0].upper()}{verb.line[1:]}.\n\n{verb.more}"


def take_value(flag: str, arguments: list[str]) -> tuple[str | None, list[str]]:
    """What stands behind a flag, as "FLAG VALUE" or "FLAG=VALUE", and the other arguments."""
    value, rest = None, []
    words = iter(arguments)
    for word in words:
        if word == flag:
            value = next(words, "")
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
        else:
            rest.append(word)
    return value, rest


def take_preset(arguments: list[str]) -> tuple[str, list[str]]:
    """The preset that --preset or COURSE_PRESET names (default: release), and the other arguments."""
    preset, rest = take_value("--preset", arguments)
    preset = os.environ.get("COURSE_PRESET") or "release" if preset is None else preset
    if preset not in build.PRESETS:
        raise UsageError(f"there is no preset '{preset}'{did_you_mean(preset, build.PRESETS)}; "
                         f"there are {', '.join(build.PRESETS)}")
    return preset, rest


def refuse_flags(verb: str, words: list[str]) -> None:
    """Words that begin with a dash and that the verb does not know."""
    for word in words:
        if word.startswith("-"):
            raise UsageError(f"./course {verb} has no flag {word} (./course {verb} --help)")


def run(arguments: list[str]) -> int:
    """run [STEP[/PROGRAM]] [-- ARGS]"""
    dashes = arguments.index("--") if "--" in arguments else len(arguments)
    args = arguments[dashes + 1:]
    preset, words = take_preset(arguments[:dashes])
    first_flag = next((i for i, word in enumerate(words) if word.startswith("-")), None)
    if first_flag is not None:
        meant = shlex.join([*words[:first_flag], "--", *words[first_flag:], *args])
        raise UsageError(f"put -- before what is meant for the program: ./course run {meant}")
    if len(words) > 1:
        raise UsageError(f"./course run takes one step, not {len(words)}; put -- before what is meant for the program")
    steps = load_steps(ROOT)
    if words:
        step, program, named = find_program(steps, words[0])
    else:
        step = [step for step in steps if step.number >= 4][-1]
        program, named = step.programs[0], False
    packages.install(("build", "data"))
    build.build(ROOT, preset, program.target)
    if not named and len(step.programs) > 1:
        others = ", ".join(f"./course run {step.label}/{other.name}" for other in step.programs if other is not program)
        print(f"{step.folder.name} has more programs: {others}", file=sys.stderr)
    binary = build.folder(ROOT, preset) / "bin" / program.target
    show([binary, *args])
    os.execv(binary, [str(binary), *args])


def test(arguments: list[str]) -> int:
    """test [NAME]"""
    preset, words = take_preset(arguments)
    refuse_flags("test", words)
    if len(words) > 1:
        raise UsageError(f"./course test takes one name, not {len(words)}")
    packages.install(("build", "data", "test"))
    build.build(ROOT, preset, None)
    return build.test(ROOT, preset, words[0] if words else None)


def list_steps(arguments: list[str]) -> int:
    """list"""
    if arguments:
        raise UsageError(f"./course list takes nothing, not '{arguments[0]}'")
    from coursetool.exercises import of_step
    from coursetool.practice import progress_line
    from coursetool.workbench import Workbench
    steps, bench = load_steps(ROOT), Workbench.open(ROOT)
    width = shutil.get_terminal_size().columns
    name_width = max(len(step.folder.name) for step in steps)
    title_width = max(10, min(max(len(step.title) for step in steps), width - name_width - 7))
    print(f"{'step':{name_width}}  {'min':>3}  title")
    print("─" * min(width, name_width + 7 + title_width))
    for step in steps:
        title = step.title if len(step.title) <= title_width else step.title[:title_width - 1] + "…"
        print(f"{paint(f'{step.folder.name:{name_width}}', '1')}  {step.minutes:3}  {title}")
        news = ", ".join(step.new)
        room = width - name_width - 14
        print(paint(f"{'':{name_width}}       new: {news if len(news) <= room else news[:room - 1] + '…'}", "2"))
        if exercises := of_step(step):
            print(f"{'':{name_width}}       {progress_line(step, exercises, bench)}")
    exercises = sum(one.minutes for step in steps for one in of_step(step))
    print(f"\n{sum(step.minutes for step in steps)} minutes in all, and {exercises} for the exercises. Start a lesson with ./course run {steps[0].label}; "
          "./course next says what is next for you")
    return 0


def diff(arguments: list[str]) -> int:
    """diff A B"""
    refuse_flags("diff", arguments)
    if len(arguments) != 2:
        raise UsageError("./course diff takes two steps, as in ./course diff 03 04")
    from coursetool.changes import code_diff
    steps = load_steps(ROOT)
    a, b = (find_step(steps, word) for word in arguments)
    show(["git", "diff", "--no-index", "-M", "-C", a.folder.name, b.folder.name], ROOT)
    print(code_diff(a, b, colored()), end="")
    return 0


def data(arguments: list[str]) -> int:
    """data [NAME] [--url BASE]"""
    from coursetool import data as datasets
    return datasets.main(ROOT, arguments)


def doctor(arguments: list[str]) -> int:
    """doctor"""
    from coursetool import doctor as examination
    preset, words = take_preset(arguments)
    if words:
        raise UsageError(f"./course doctor takes nothing, not '{words[0]}'")
    return examination.main(ROOT, preset)


def docs(arguments: list[str]) -> int:
    """docs [--check] [STEP...]"""
    from coursetool import docs as pages
    if "--check" not in arguments:
        build.build(ROOT, "release", None)
    return pages.main(arguments)


def chain(arguments: list[str]) -> int:
    """chain carry STEP | make [DIR] | back [DIR]"""
    from coursetool import chain as commits
    return commits.main(ROOT, arguments)


def bench(arguments: list[str]) -> int:
    """bench [NAME...]"""
    from coursetool import bench as benchmarks
    from coursetool import cuda
    preset, words = take_preset(arguments)
    stand_in, words = take_value("--stand-in", words)
    if words == ["cuda"]:
        return cuda.bench(ROOT, preset, stand_in)
    if stand_in is not None or "cuda" in words:
        raise UsageError("./course bench cuda runs by itself; --stand-in cpu is for it alone")
    refuse_flags("bench", [word for word in words if word != "--page"])
    return benchmarks.main(ROOT, preset, words)


def plot(arguments: list[str]) -> int:
    """plot [RUN...]"""
    from coursetool import plot as curves
    preset, words = take_preset(arguments)
    return curves.main(ROOT, preset, words)


def practice(verb: str) -> Callable[[list[str]], int]:
    """A learner's or a teacher's verb about exercises."""
    def act(arguments: list[str]) -> int:
        from coursetool import classroom
        from coursetool import practice as exercises
        preset, words = take_preset(arguments)
        known = {"check": ["--junit"], "solution": ["--give-up"], "report": ["--csv", "--junit"]}.get(verb, [])
        refuse_flags(verb, [word for word in words if word.partition("=")[0] not in known])
        match verb:
            case "check": return exercises.check(ROOT, preset, words)
            case "hint": return exercises.hint(ROOT, words)
            case "solution": return exercises.solution(ROOT, words)
            case "reset": return exercises.reset(ROOT, words)
            case "watch": return exercises.watch(ROOT, preset, words)
            case "next": return exercises.next_one(ROOT, words)
            case "handout": return classroom.handout(ROOT, words)
            case _: return classroom.report(ROOT, preset, words)
    return act


def prove(arguments: list[str]) -> int:
    """prove [--all | NAME...]"""
    from coursetool import prove as proofs
    preset, words = take_preset(arguments)
    python, words = take_value("--python", words)
    stand_in, words = take_value("--stand-in", words)
    if python == "":
        raise UsageError("--python needs the name of a Python, as in ./course prove border --python python3")
    words = [word for word in words if word != "--all"] if words == ["--all"] else words
    refuse_flags("prove", words)
    unknown = next((word for word in words if word not in proofs.PROOFS), None)
    if unknown is not None:
        raise UsageError(f"there is no proof '{unknown}'{did_you_mean(unknown, list(proofs.PROOFS))}; there are {', '.join(proofs.PROOFS)}")
    if stand_in is not None and words != ["cuda"]:
        raise UsageError("--stand-in cpu is for ./course prove cuda alone")
    return proofs.main(ROOT, preset, words, python, stand_in)


VERBS = {
    "run": Verb("run [STEP[/PROGRAM]] [-- ARGS]", "install what is missing, build, run a lesson's program",
                "STEP is 05, step05 or step05_evaluation; without one, the newest lesson that trains runs.\n"
                "What stands behind -- goes to the program: ./course run 05 -- --epochs 1\n"
                "--preset NAME (or COURSE_PRESET) builds another preset: release, dev, asan, cuda.\n"
                "CMAKE_PREFIX_PATH, Torch_DIR or COURSE_TORCH_FROM_PYTHON name a libtorch of your own (README.md).\n"
                "COURSE_NO_INSTALL=1 installs nothing and says what is missing.", run),
    "test": Verb("test [NAME]", "install what is missing, build, run the tests",
                 "NAME is a regular expression: only tests whose names match it run. --preset as for run.", test),
    "list": Verb("list", "the lessons: minutes, titles, what is new in each, and which exercises pass",
                 "✓ passed, … begun, s solution shown, · not begun. It takes nothing.", list_steps),
    "diff": Verb("diff A B", "what one lesson changes in another's code: ./course diff 03 04",
                 "Pages, expected output and Python are left out.", diff),
    "next": Verb("next [STEP [N]]", "what comes next: the lesson to read, or the next exercise, laid out in work/",
                 "It goes on behind the exercise that was graded last; with a STEP, that step's next one; with a number, that one.", practice("next")),
    "check": Verb("check [STEP [N]]", "grade the exercises of a step, or one of them: ./course check 04 1",
                  "What you write stands in work/, which no update of the course touches. Where nothing is yet, the starter is laid out and the\n"
                  "task shown, and nothing is graded.\n"
                  "Without a STEP, all that were begun. The exit code is 0 when all pass, 1 when one does not.\n"
                  "--junit FILE writes the results as JUnit XML. --preset as for run.", practice("check")),
    "hint": Verb("hint STEP N", "the next hint of an exercise: ./course hint 04 1",
                 "./course hint 04 1 2 shows the second; a failed check names the one that helps.", practice("hint")),
    "watch": Verb("watch [STEP N]", "check an exercise with every save, until it passes",
                  "Without one, the exercise that ./course next names. Ctrl-C ends it.", practice("watch")),
    "solution": Verb("solution STEP N [--give-up]", "the solution, once an exercise has passed, and how yours differs from it",
                     "--give-up shows it before.", practice("solution")),
    "reset": Verb("reset STEP N", "begin an exercise anew; what you wrote is kept in work/kept",
                  "Nothing is lost: the folder that it names holds your files.", practice("reset")),
    "handout": Verb("handout FILE.tar.gz | FOLDER", "for teachers: the course without its solutions",
                    "It holds what git has.", practice("handout")),
    "report": Verb("report FOLDER", "for teachers: grade what a class has handed in",
                   "FOLDER holds one for each learner, with their work/ in it. Their code is run: do that where you would run theirs.\n"
                   "--csv FILE writes the table, --junit FOLDER a file for each learner.", practice("report")),
    "data": Verb("data [NAME]", "what data sets are found where; fetch one that is missing",
                 "NAME is fashion-mnist or mnist; it is put into data/NAME, its checksums verified.\n"
                 "--url BASE fetches the four files from there instead.", data),
    "doctor": Verb("doctor", "what this machine has, what is wrong, how to mend it",
                   "It looks at the libtorch that CMAKE_PREFIX_PATH, Torch_DIR or COURSE_TORCH_FROM_PYTHON name (README.md), as run\n"
                   "does. --preset as for run. The exit code is 1 when something would stop a lesson.", doctor),
    "docs": Verb("docs [--check] [STEP...]", "bring the pages up to date with code and runs; or say what is stale",
                 "For authors: CONTRIBUTING.md tells how pages are made. 'pages' stands for those outside of the steps.\n"
                 "--check writes nothing, and exits with 1 if anything is stale; --build-dir FOLDER says where the\n"
                 "programs are (default: build/release).", docs),
    "plot": Verb("plot [RUN...]", "the curves of one run, or of several side by side",
                 "RUN is a run's folder (runs/NAME, lightning_logs/version_N), a metrics.csv or an event file of TensorBoard's;\n"
                 "without one, the newest in runs/ and lightning_logs/.\n\n"
                 "--metric NAME   draw this one (val_loss), or those of one subject (loss); can be given several times\n"
                 "--x step|epoch  the axis below; by default steps, where there are any\n"
                 "--smooth W      as TensorBoard's slider: 0 is none, 0.9 is much\n"
                 "--log           a logarithmic axis\n"
                 "--svg FILE      pictures instead of text; of several, FILE-SUBJECT.svg", plot),
    "bench": Verb("bench [NAME...]", "measure what the speed claims come from",
                  "runs              whole runs beside their twins in Python; COURSE_BENCH_ROUNDS says how many (3)\n"
                  "trainer_overhead  what the Trainer costs for each step, in one process\n"
                  "pieces            optimizers, batches, matrix products and decoding, each beside what it cannot beat\n"
                  "metrics           an update of each metric beside torchmetrics', where $COURSE_PYTHON names a Python that has it\n"
                  "scale             what grows with what, by decades of its size, beside Lightning where $COURSE_PYTHON has it;\n"
                  "                  COURSE_BENCH_AXES names some of its axes, by their beginnings\n"
                  "cuda              steps on a GPU beside Python's loop, its fused Adam and Lightning; runs by itself. $COURSE_PYTHON\n"
                  "                  names the Python; --stand-in cpu runs all of it without a GPU, which tests the script\n"
                  "threads           the default number of threads against one, alone and beside a busy process\n"
                  "build             what a build needs, cold and with ccache, in a clone of its own\n"
                  "edit              what a learner waits for after a change of one lesson\n"
                  "Without a NAME, all but cuda: three quarters of an hour. OMP_NUM_THREADS says how many threads (1).\n"
                  "--page writes docs/speed.md with what was measured last; with scale alone its part of it. --preset as for run.", bench),
    "prove": Verb("prove [--all | NAME...]", "what takes longer than a test may",
                  "exercises  every starter fails, every solution passes (with the sanitizers, too), every wrong one is found out\n"
                  "resume     a run killed at 200 places, from a random seed, ends as if it had not been; a minute\n"
                  "fuzz       afl++ looks for files that are answered with anything but an error, ten minutes for each kind; and\n"
                  "           random values in a checkpoint are tried for ten more, under the sanitizers\n"
                  "lessons    step 12 on the whole data set: the classifier's accuracy and time, the autoencoder's losses; three minutes\n"
                  "border     halves of runs in C++ and in Python's Lightning, in over a hundred forms: the other half is what a whole run\n"
                  "           does; five minutes. --python PYTHON names one that imports lightning\n"
                  "metrics    random cases of every metric, with every option, have the values of torchmetrics; two minutes. --python\n"
                  "           PYTHON names one that imports torchmetrics\n"
                  "cuda       on a machine with a GPU: builds, runs all C++ tests and three programs, and measures steps beside Python;\n"
                  "           eight minutes on 16 cores. --stand-in cpu runs all of it without a GPU, which tests the script\n"
                  "Without a NAME, or with --all, all of them. --preset as for run.", prove),
    "chain": Verb("chain carry STEP", "bring a change of one lesson's code into all those behind it",
                  "For authors: CONTRIBUTING.md tells when.\n\n"
                  "carry STEP  merges what is changed in STEP since the last commit into every later step. Where a step has\n"
                  "            rewritten the same lines it stops, and says what to mend in build/chain.\n"
                  "make [DIR]  makes a git repository with one commit for each step, for git rebase -i; DIR is build/chain.\n"
                  "back [DIR]  writes what is changed in those commits into the folders of their steps.\n\n"
                  "Code is carried: sources, headers, CMakeLists.txt, python/ and configs/; no pages, no expected output.", chain),
}

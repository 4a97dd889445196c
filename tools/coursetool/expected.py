"""expected/PROGRAM.txt of every step: what its program prints in the canonical run, compared or written anew."""
from coursetool.canonical import Machine
from coursetool.compare import Rules, compare, dead_rules
from coursetool.console import NotBuilt, Runner
from coursetool.errors import CourseError
from coursetool.report import Report
from coursetool.steps import Program, Step


def read(program: Program) -> str:
    """The expected output; "" where there is none yet."""
    return program.expected.read_text(encoding="utf-8") if program.expected.is_file() else ""


def update(step: Step, runner: Runner, machine: Machine, report: Report, check: bool) -> None:
    """Brings a step's expected output up to date, or reports how it differs from what its programs print."""
    for program in step.programs:
        try:
            found = runner.run_program(program)
        except CourseError as error:
            where = program.source if isinstance(error, NotBuilt) else program.expected
            report.find(where, 0, str(error))
        else:
            _update(program, found, machine, report, check, f"./course docs {step.label}")
        if read(program):
            for sentence in dead_rules(read(program), Rules.of(program)):
                report.find(step.folder / "step.toml", 0, f"{sentence} in {report.name(program.expected)}; mend or delete it")
    known = {program.expected for program in step.programs}
    for path in sorted((step.folder / "expected").glob("*")):
        if path not in known:
            report.find(path, 0, "belongs to no program of step.toml; delete it, or name its program there")


def _update(program: Program, found: str, machine: Machine, report: Report, check: bool, mend: str) -> None:
    old = read(program)
    if old == "" and found:
        differences, first = [], "no output is expected yet"
    else:
        differences, first = compare(old, found, Rules.of(program), machine.canonical), f"{program.target} prints something else"
    if not differences and (old or not found):
        return
    if check:
        detail = [line for one in differences for line in one.detail()]
        report.find(program.expected, differences[0].line if differences else 0, first, detail, mend)
    else:
        report.write(program.expected, found, f"what {program.target} prints")

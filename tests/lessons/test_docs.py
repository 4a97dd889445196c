"""The whole of `./course docs` on a small course: what it writes, and every way in which a page can be stale."""
import os
import subprocess
import unittest
import unittest.mock

from tests.lessons.house import FILLER, OUTPUT, House


class Writing(House):
    def test_page_holds_code_output_and_changes(self):
        page = self.read("step01_next/README.md")
        self.assertIn("```cpp\n// Twice as much.\nint twice(int x) {\n  return 2 * x;\n}\n```\n", page)
        self.assertIn("$ ./course run 01 -- --epochs 2\ndata: common/data/sample\n\nepochs: 2  (12.3 s, 4,120 images/s)\n"
                      "loss 0.5000\naccuracy 81.2 %\n```\n", page)
        self.assertIn("```text\n...\nloss 0.5000\n...\n```\n", page)
        self.assertIn("Against [step 00](../step00_start/README.md), 1 line of code is new (of at most 3) and 1 is gone. "
                      "`./course diff 00 01` shows them.\n\n"
                      "| file | lines | changed |\n| --- | --- | --- |\n| `main.cpp` | +1 −1 | `main()` |\n\n<!-- end -->", page)

    def test_expected_output_names_no_folder_of_this_machine(self):
        self.assertEqual(self.read("step00_start/expected/main.txt"), OUTPUT.replace("$PWD/", ""))

    def test_ladder(self):
        self.assertEqual(self.read("README.md"), """\
# A course

<!-- ladder -->

| step | the idea | new in it | minutes |
| --- | --- | --- | ---: |
| [00 · The start](step00_start/README.md) | One idea. | a, b | 10 |
| [01 · The next](step01_next/README.md) | One idea. | a, b | 20 |

All 2 together take about 30 minutes.

<!-- end -->

[First](step00_start/README.md#the-idea)
""")

    def test_second_time_writes_nothing(self):
        result = self.docs()
        self.assertEqual((result.code, result.text), (0, "docs: everything is up to date\n"))

    def test_other_times_are_no_reason_to_write(self):
        self.program("step00_main", OUTPUT.replace("12.3 s, 4,120", "1 min 02 s, 917"))
        self.assertEqual(self.docs().text, "docs: everything is up to date\n")
        self.assertIn("12.3 s", self.read("step00_start/README.md"))

    def test_one_step_only(self):
        for step in ("00", "01"):
            self.program(f"step{step}_main", OUTPUT.replace("81.2", "84.0"))
        result = self.docs("1")
        self.assertEqual(result.text, "wrote step01_next/expected/main.txt (what step01_main prints)\n"
                                      "wrote step01_next/README.md (1 part)\n")
        self.assert_found("step00_start/expected/main.txt:5: step00_main prints something else")
        self.assert_fresh("01")
        self.assert_fresh("pages")

    def test_the_other_machine_says_so_when_it_writes(self):
        self.program("step00_main", OUTPUT.replace("0.5000", "0.9000"))
        self.assertIn("this is not the canonical machine (another libtorch)", self.docs(canonical=False).text)
        self.assertIn("loss 0.9000", self.read("step00_start/README.md"))

    def test_programs_run_once_in_the_canonical_environment(self):
        self.write("build/release/bin/step00_main", """\
#!/bin/sh
echo run >> calls
echo "loss 0.5 $OMP_NUM_THREADS $ATEN_CPU_CAPABILITY $OPENBLAS_CORETYPE $COURSE_SEED $COLUMNS $LC_ALL $CLICOLOR_FORCE $@"
""")
        with self.subTest("canonical environment"), unittest.mock.patch.dict("os.environ", CLICOLOR_FORCE="1", COURSE_SEED="7"):
            self.docs("00")
        self.assertEqual(self.read("step00_start/expected/main.txt"), "loss 0.5 1 avx2 Haswell 0 80 C.UTF-8  --epochs 2\n")
        self.assertEqual(self.read("calls"), "run\n")


class Stale(House):
    def test_code(self):
        self.edit("step00_start/main.cpp", "return 2 * x;", "return x + x;")
        self.assert_found("step00_start/README.md:72: this is not region 'twice' of step00_start/main.cpp any more\n"
                          "    -   return 2 * x;\n    +   return x + x;\n    to mend it: ./course docs 00\n", argv=("00",))
        self.assertEqual(self.docs("00").code, 0)
        self.assert_fresh("00")

    def test_output(self):
        self.program("step00_main", OUTPUT.replace("81.2 %", "81.3 %"))
        self.assert_found("step00_start/expected/main.txt:5: step00_main prints something else\n"
                          "    - accuracy 81.2 %\n    + accuracy 81.3 %\n    to mend it: ./course docs 00")

    def test_page_that_differs_from_expected(self):
        self.edit("step00_start/README.md", "accuracy 81.2 %", "accuracy 99.9 %")
        self.assert_found("'./course run 00 -- --epochs 2' prints something else\n"
                          "    - accuracy 99.9 %\n    + accuracy 81.2 %\n")

    def test_output_of_another_run(self):
        self.program("step00_main", "loss 0.5 with $1\n")
        self.edit("step00_start/README.md", "$ ./course run 00 -- --epochs 2", "$ ./course run 00 -- --epochs=3")
        self.docs("00")
        self.assertIn("$ ./course run 00 -- --epochs=3\nloss 0.5 with --epochs=3\n", self.read("step00_start/README.md"))
        self.assert_fresh("00")
        self.edit("step00_start/README.md", "with --epochs=3", "with --epochs=4")
        self.assert_found("- loss 0.5 with --epochs=4\n    + loss 0.5 with --epochs=3")

    def test_page_of_a_canonical_run_equals_expected_on_every_machine(self):
        self.edit("step00_start/README.md", "images/s)\nloss 0.5000", "images/s)\nloss 0.5001")
        self.assert_found("- loss 0.5001\n    + loss 0.5000", canonical=False)

    def test_long_difference_is_cut(self):
        self.program("step00_main", OUTPUT + "".join(f"line {i}\n" for i in range(20)))
        self.assert_found("    + line 12\n    ... and 7 more lines\n    to mend it", argv=("00",))

    def test_expected_snippet(self):
        self.edit("step00_start/README.md", "...\nloss 0.5000\n...", "...\nloss 0.6000\n...")
        self.assert_found("this is not step00_start/expected/main.txt any more\n    - loss 0.6000\n    + loss 0.5000\n")

    def test_summary_of_changes(self):
        self.edit("step01_next/main.cpp", "int main() {\n", "int main() {\n  // One more comment.\n")
        self.assert_found("step01_next/README.md:70: the summary of what changes against step00_start is stale",
                          "- | `main.cpp` | +1 −1 | `main()` |", "+ | `main.cpp` | +2 −1 | `main()` |")

    def test_ladder(self):
        self.edit("step01_next/step.toml", "minutes = 20", "minutes = 25")
        self.assert_found("README.md:3: the ladder of lessons is stale", "+ All 2 together take about 35 minutes.",
                          "to mend it: ./course docs pages", argv=("pages",))

    def test_line_that_is_missing_and_line_that_is_new(self):
        self.program("step00_main", OUTPUT.replace("loss 0.5000\n", "") + "one more\n")
        text = self.assert_found("    - loss 0.5000\n    + one more\n", argv=("00",))
        self.assertNotIn("accuracy", text)

    def test_no_output_is_expected_yet(self):
        self.write("step00_start/expected/main.txt", "")
        self.assert_found("step00_start/expected/main.txt: no output is expected yet\n    to mend it: ./course docs 00")

    def test_block_of_what_is_not_expected_yet_is_left_to_that(self):
        self.write("step00_start/expected/main.txt", "")
        self.add("README.md", '<!-- run from="^loss" -->\n```console\n$ ./course run 00 -- --epochs 2\n```\n')
        self.assert_fresh("pages")

    def test_expected_output_of_no_program(self):
        self.write("step00_start/expected/old.txt", "old\n")
        self.assert_found("step00_start/expected/old.txt: belongs to no program of step.toml")

    def test_program_fails(self):
        self.program("step00_main", "", exit_code=1, errors="error: no data")
        self.assert_found("step00_start/expected/main.txt: './course run 00/main -- --epochs 2' ended with exit code 1, "
                          "expected was 0; it said: error: no data")


class Tolerance(House):
    """loss 0.5000 was written; 1 % of it may differ elsewhere, nothing on the canonical machine."""

    def printed(self, loss: str) -> None:
        for step in ("00", "01"):
            self.program(f"step{step}_main", OUTPUT.replace("0.5000", loss))

    def test_within(self):
        self.printed("0.5050")
        self.assert_fresh(canonical=False)

    def test_beyond(self):
        self.printed("0.5051")
        self.assert_found("step00_start/expected/main.txt:4", "- loss 0.5000\n    + loss 0.5051\n"
                          "    expected 0.5000, found 0.5051: 0.0051 apart, 0.005 allowed (relative = 0.01)", canonical=False)

    def test_none_on_the_canonical_machine(self):
        self.printed("0.5001")
        self.assert_found("- loss 0.5000\n    + loss 0.5001")

    def test_other_numbers_must_be_equal_everywhere(self):
        self.program("step00_main", OUTPUT.replace("81.2", "81.3"))
        self.assert_found("+ accuracy 81.3 %", canonical=False)

    def test_output_of_another_run_has_the_same_tolerance(self):
        self.edit("step00_start/README.md", "$ ./course run 00 -- --epochs 2", "$ ./course run 00 -- --epochs 3")
        self.assert_fresh()
        self.printed("0.5050")
        self.assert_fresh(canonical=False)
        self.edit("step00_start/README.md", "epochs: 2  (12.3 s, 4,120 images/s)\nloss 0.5000",
                  "epochs: 2  (12.3 s, 4,120 images/s)\nloss 0.4900")
        self.assert_found("'./course run 00 -- --epochs 3' prints something else", "expected 0.4900, found 0.5050",
                          canonical=False)

    def test_dead_rules(self):
        self.add("step00_start/step.toml", """
[[programs.tolerance]]
pattern = 'accuracy = ([0-9.]+)'
absolute = 1

[[programs.mask]]
pattern = 'threads: (\\d+)'

[[programs.canonical_only]]
from = '^The worst'
to = '^$'

[[programs.canonical_only]]
from = '^accuracy'
to = '^The end'
""")
        self.assert_found(
            "step00_start/step.toml: the tolerance pattern 'accuracy = ([0-9.]+)' matches nothing in "
            "step00_start/expected/main.txt; mend or delete it",
            "the mask pattern 'threads: (\\d+)' matches nothing",
            "the canonical_only pattern from = '^The worst' matches no line",
            "the canonical_only pattern to = '^The end' matches no line from the first '^accuracy' on")


class Blocks(House):
    """What an author can get wrong in a page."""

    def found(self, block: str, *parts: str) -> None:
        """Added to a page, the block is refused with these; a part is `+2: text` for its second line."""
        lines = len(self.read("step00_start/README.md").splitlines())
        self.add("step00_start/README.md", block)
        numbered = (part.split(":", 1) for part in parts)
        self.assert_found(*(f"step00_start/README.md:{lines + int(line)}:{text}" for line, text in numbered), argv=("00",))

    def test_unmarked_console_block(self):
        self.found("```console\n$ ./course run 00\n```\n",
                   "+1: a console block must say where it comes from: put <!-- run --> or <!-- not run: reason --> before it")

    def test_unmarked_shell_block(self):
        self.found("```sh\nls\n```\n", "+1: a sh block must say where it comes from: put <!-- run -->")

    def test_unmarked_code(self):
        self.found("```cpp\nint x;\n```\n", "+1: a cpp block must say where it comes from: put <!-- code: file#region --> or "
                                            "<!-- typed: reason --> before it")

    def test_unmarked_text(self):
        self.found("```\nloss 0.5\n```\n", "+1: a block without a language must say where it comes from")

    def test_directive_of_another_kind_of_block(self):
        self.found("<!-- typed: by hand -->\n```console\n$ ls\n```\n<!-- run -->\n```cpp\n```\n",
                   "+2: <!-- typed --> does not go with a block of this language (console); what does: <!-- run --> or "
                   "<!-- not run: reason -->",
                   "+6: <!-- run --> does not go with a block of this language (cpp); what does: <!-- code: file#region --> or "
                   "<!-- expected: main.txt --> or <!-- typed: reason -->")

    def test_data_formats_need_no_mark(self):
        self.add("step00_start/README.md", "```toml\nx = 1\n```\n")
        self.assert_fresh()

    def test_typed_with_a_reason(self):
        self.add("step00_start/README.md", "<!-- typed: wrong on purpose -->\n```cpp\nint x;\n```\n")
        self.assert_fresh()

    def test_reasons_are_needed(self):
        self.found("<!-- typed: -->\n```cpp\n```\n<!-- not run: -->\n```console\n$ ls\n```\n",
                   "+1: <!-- typed: --> needs the reason", "+4: <!-- not run: --> needs the reason")

    def test_block_that_is_not_run_has_commands_too(self):
        self.found("<!-- not run: installs -->\n```console\nls\n```\n", "+2: a console block begins with '$ command'")

    def test_directive_without_block(self):
        self.found("<!-- run -->\nText.\n", "+1: <!-- run --> belongs before a fenced block, and none follows it")

    def test_mistyped_directive(self):
        self.found("<!-- rum -->\n```console\n$ ls\n```\n", "+1: <!-- rum --> is not understood; did you mean <!-- run -->?")

    def test_ordinary_comment(self):
        self.add("step00_start/README.md", "<!-- note to self -->\n\n<!-- over\ntwo lines -->\n")
        self.assert_fresh()

    def test_block_that_is_not_closed(self):
        self.found("<!-- typed: example -->\n```cpp\nint x;\n", "+2: the block begun by ``` is not closed")

    def test_changes_that_do_not_end(self):
        self.found("<!-- changes -->\n", "+1: <!-- changes --> has no <!-- end -->")

    def test_end_without_beginning(self):
        self.found("<!-- end -->\n", "+1: <!-- end --> without a beginning")

    def test_changes_where_nothing_is_before(self):
        self.found("<!-- changes -->\n<!-- end -->\n", "+1: <!-- changes --> belongs into the page of a step that has one before")

    def test_unknown_region_names_those_there_are(self):
        self.found("<!-- code: main.cpp#twise -->\n```cpp\n```\n",
                   "+2: step00_start/main.cpp has no region 'twise' (did you mean 'twice'?); it has twice")

    def test_unclosed_region(self):
        self.edit("step00_start/main.cpp", "// endregion\n", "")
        self.assert_found("step00_start/main.cpp:6: region 'twice' is not closed")

    def test_missing_source(self):
        self.found("<!-- code: other.cpp -->\n```cpp\n```\n", "+2: there is no file step00_start/other.cpp")

    def test_code_from_the_root_and_from_python(self):
        self.write("tools/a.py", "# region part\ndef f():\n    pass\n# endregion part\n")
        self.add("step00_start/README.md", "<!-- code: /tools/a.py#part -->\n```python\n```\n")
        self.assertEqual(self.docs("00").code, 0)
        self.assertIn("```python\ndef f():\n    pass\n```\n", self.read("step00_start/README.md"))

    def test_indented_block(self):
        self.add("step00_start/README.md", "1. A list:\n\n   <!-- code: main.cpp#twice -->\n   ```cpp\n   ```\n")
        self.docs("00")
        self.assertIn("   ```cpp\n   // Twice as much.\n   int twice(int x) {\n     return 2 * x;\n   }\n   ```\n",
                      self.read("step00_start/README.md"))
        self.assert_fresh()

    def test_example_in_a_longer_fence_is_left_alone(self):
        text = "````markdown\n<!-- code: nothing.cpp -->\n```cpp\n```\n````\n"
        self.add("step00_start/README.md", text)
        self.assert_fresh()


class Console(House):
    """Console blocks: what is run, and what is shown of it."""

    def shown(self, block: str) -> str:
        """The last block of the front page after docs has drawn it."""
        self.add("README.md", block)
        result = self.docs("pages")
        self.assertEqual(result.code, 0, result.text)
        self.assert_fresh("pages")
        return self.read("README.md").rpartition("```console\n")[2].removesuffix("```\n")

    def refused(self, block: str, message: str) -> None:
        self.add("README.md", block)
        self.assert_found(message, argv=("pages",))

    def test_several_commands(self):
        self.assertEqual(self.shown("<!-- run -->\n```console\n$ echo one two\n$ echo 'a  b'\nold\n```\n"),
                         "$ echo one two\none two\n$ echo 'a  b'\na  b\n")

    def test_command_over_two_lines(self):
        self.assertEqual(self.shown("<!-- run -->\n```console\n$ echo one \\\n    two\n```\n"), "$ echo one \\\n    two\none two\n")

    def test_canonical_run_comes_from_expected(self):
        self.assertIn("accuracy 81.2 %\n", self.shown("<!-- run -->\n```console\n$ ./course run start -- --epochs 2\n```\n"))

    def test_path_in_build_is_the_same_program(self):
        self.assertIn("loss 0.5000\n", self.shown("<!-- run -->\n```console\n$ build/release/bin/step00_main\n```\n"))

    def test_without_a_step_the_newest_runs(self):
        self.program("step01_main", "the newest\n")
        self.assertEqual(self.shown("<!-- run -->\n```console\n$ ./course run\n```\n"), "$ ./course run\nthe newest\n")

    def test_head_lines_from_to(self):
        for attribute, expected in (("head=1", "1\n...\n"), ("head=9", "1\n2\n3\n4\n"), ("lines=2-3", "...\n2\n3\n...\n"),
                                    ('from="2"', "...\n2\n3\n4\n"), ('to="2"', "1\n2\n...\n"),
                                    ('from="^3$" to="^3$"', "...\n3\n...\n")):
            with self.subTest(attribute):
                self.assertEqual(self.shown(f"<!-- run {attribute} -->\n```console\n$ seq 4\n```\n"), f"$ seq 4\n{expected}")

    def test_parts_that_are_not_there(self):
        self.refused('<!-- run from="5" -->\n```console\n$ seq 4\n```\n', 'from="5" matches no line of the output')
        self.refused('<!-- run from="2" to="1" -->\n```console\n$ seq 4\n```\n', 'to="1" matches no line of the output behind from="2"')
        self.refused("<!-- run lines=5-6 -->\n```console\n$ seq 4\n```\n", "line 5 is asked for, but the output has only 4")

    def test_exit_code_and_standard_error(self):
        self.program("step00_main", "", exit_code=2, errors="error: bad flag")
        self.assertEqual(self.shown("<!-- run exit=2 stderr -->\n```console\n$ ./course run 00 -- --bad\n```\n"),
                         "$ ./course run 00 -- --bad\nerror: bad flag\n")
        self.refused("<!-- run exit=3 -->\n```console\n$ ./course run 00 -- --bad\n```\n",
                     "'./course run 00 -- --bad' ended with exit code 2, expected was 3; it said: error: bad flag")

    def test_environment(self):
        self.program("step00_main", "$COURSE_SEED $COURSE_B\n")
        self.assertEqual(self.shown('<!-- run env="COURSE_B=x y" -->\n```console\n$ COURSE_SEED=3 ./course run 00\n```\n'),
                         "$ COURSE_SEED=3 ./course run 00\n3 x y\n")

    def test_canonical_run_in_another_environment_is_another_run(self):
        self.program("step00_main", "seed $COURSE_SEED$COURSE_B\nloss 0.5\n", errors="warning")
        self.docs("00")
        for attributes, before, shown in (("", "COURSE_SEED=3 ", "seed 3\nloss 0.5\n"), ('env="COURSE_B=b"', "", "seed 0b\nloss 0.5\n"),
                                          ("stderr", "", "seed 0\nloss 0.5\nwarning\n")):
            with self.subTest(attributes):
                command = f"{before}./course run 00 -- --epochs 2"
                self.assertEqual(self.shown(f"<!-- run {attributes} -->\n```console\n$ {command}\n```\n"), f"$ {command}\n{shown}")
        self.refused("<!-- run exit=1 -->\n```console\n$ ./course run 00 -- --epochs 2\n```\n", "exit code 0, expected was 1")

    def test_same_command_runs_once(self):
        self.write("build/release/bin/step00_main", "#!/bin/sh\necho run >> calls\necho loss 0.5\n")
        block = "<!-- run -->\n```console\n$ ./course run 00 -- --other\n```\n"
        self.assertEqual(self.shown(block + block), "$ ./course run 00 -- --other\nloss 0.5\n")
        self.assertEqual(self.read("calls"), "run\n" * 2)  # docs, and docs --check

    def test_full_data_set(self):
        self.program("step00_main", "$COURSE_DATA\n")
        block = "<!-- run data=fashion-mnist -->\n```console\n$ ./course run 00 -- --epochs 2\nas it was\n```\n"
        with unittest.mock.patch.dict("coursetool.console._DATA_SETS", {"fashion-mnist": ("data",)}):
            self.add("README.md", block)
            result = self.check("pages")
            self.assertEqual(result.code, 0)
            self.assertIn("skipped README.md:16, './course run 00 -- --epochs 2': the full data set fashion-mnist is not on this machine",
                          result.text)
            for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
                self.write(f"data/{name}", "")
            self.assertIn("skipped", self.check("pages").text)
            self.write("data/t10k-labels-idx1-ubyte", "")
            self.assert_found("- as it was\n    + data\n")

    def test_unknown_data_set(self):
        self.refused("<!-- run data=mnist -->\n```console\n$ ls\n```\n", "data='mnist' is no data set; known: fashion-mnist")

    def test_attributes_that_are_wrong(self):
        for attribute, message in (("heads=1", "unknown attribute 'heads' (did you mean 'head'?)"),
                                   ("head=x", "'head' must be a number, but it is 'x'"),
                                   ("head=1 head=2", "'head' is there twice"),
                                   ("head=1 lines=1-2", "'lines' and 'head' cannot stand together"),
                                   ("lines=3-1", "'lines' must be FIRST-LAST"),
                                   ('from="("', 'from="(" is not a regular expression'),
                                   ("stderr=1", "'stderr' takes no value"), ("exit", "'exit' needs a value"),
                                   ("env=X", "'env=X' must be env=\"NAME=value\""), ('from="a', "cannot be read")):
            with self.subTest(attribute):
                self.write("README.md", "# A\n\n")
                self.refused(f"<!-- run {attribute} -->\n```console\n$ ls\n```\n", message)

    def test_shell_operators(self):
        self.refused("<!-- run -->\n```console\n$ echo a | tail -1\n```\n", "'echo a | tail -1' uses the shell's '|'")

    def test_flags_of_course_run(self):
        self.refused("<!-- run -->\n```console\n$ ./course run 00 --preset dev\n```\n",
                     "'./course run 00 --preset dev' is not './course run STEP[/PROGRAM] [-- ARGS]'")

    def test_unknown_step_and_program(self):
        self.refused("<!-- run -->\n```console\n$ ./course run 07\n```\n", "there is no step '07'")
        self.refused("<!-- run -->\n```console\n$ ./course run 00/mian\n```\n", "has no program 'mian' (did you mean 'main'?)")

    def test_output_without_command(self):
        self.refused("<!-- run -->\n```console\nhello\n```\n", "a console block begins with '$ command', but this one begins with 'hello'")

    def test_parts_of_two_commands(self):
        self.refused("<!-- run head=1 -->\n```console\n$ ls\n$ ls\n```\n", "can be shown of one command only")

    def test_command_that_is_not_there(self):
        self.refused("<!-- run -->\n```console\n$ ./course-of-nobody\n```\n", "'./course-of-nobody' cannot be run")

    def test_shell_block_that_is_run(self):
        self.add("README.md", "<!-- run -->\n```sh\n# a remark\ntouch made\n```\n")
        self.assertEqual(self.docs("pages").code, 0)
        self.assertTrue((self.root / "made").is_file())
        self.refused("<!-- run -->\n```sh\nfalse\n```\n", "'false' ended with exit code 1, expected was 0")


class NotBuilt(House):
    def test_missing(self):
        (self.root / "build/release/bin/step00_main").unlink()
        text = self.assert_found("step00_start/main.cpp: step00_main is not built; build it: "
                                 "cmake --build build/release --target step00_main\n", argv=("00",))
        self.assertEqual(text.count("step00_main is not built"), 1)

    def test_said_once_for_all_blocks(self):
        (self.root / "build/release/bin/step00_main").unlink()
        self.add("step00_start/README.md", "<!-- run -->\n```console\n$ ./course run 00 -- --other\n```\n" * 2)
        self.assertIn("\ndocs: 1 thing to mend\n", self.check("00").text)

    def touch(self, name: str) -> None:
        """Makes a source newer than the programs."""
        newer = (self.root / "build/release/bin/step00_main").stat().st_mtime + 10
        os.utime(self.write(name, "// new\n"), (newer, newer))

    def test_older_than_its_source(self):
        self.touch("step00_start/main.cpp")
        self.assert_found("step00_main is older than step00_start/main.cpp; build it: cmake --build build/release")

    def test_older_than_a_header(self):
        self.touch("step00_start/parts/a.h")
        self.assert_found("step00_main is older than step00_start/parts/a.h")

    def test_source_of_another_program(self):
        self.touch("step00_start/second.cpp")
        self.touch("step00_start/exercises/a/main.cpp")
        self.add("step00_start/step.toml", '[[programs]]\nname = "second"\nsummary = "more"\nargs = []\n')
        self.program("step00_second", "second\n")
        os.utime(self.root / "build/release/bin/step00_second", (4e9, 4e9))
        self.assertEqual(self.docs("00").code, 0)
        self.assert_fresh("00")

    def test_another_build_folder(self):
        self.assert_found("step00_main is not built; build it: cmake --build build/dev --target step00_main",
                          argv=("--build-dir", str(self.root / "build/dev")))


class Limits(House):
    def test_budget(self):
        self.edit("step01_next/main.cpp", "int main() {\n", "int main() {\n  int a;\n  int b;\n")
        self.docs("01")
        self.assert_fresh()  # three lines of three
        self.edit("step01_next/main.cpp", "  int b;\n", "  int b;\n  int c;\n")
        self.docs("01")
        self.assert_found("step01_next/step.toml: the step adds 4 lines of code to step00_start, but its diff_budget is 3")

    def test_what_does_not_count(self):
        self.edit("step01_next/main.cpp", "int main() {\n", "\n\n// region main\nint main() {\n")
        self.add("step01_next/main.cpp", "// endregion\n")
        for name in ("python/a.py", "exercises/a/main.cpp", "expected/CMakeLists.txt"):
            self.write(f"step01_next/{name}", "line\n" * 100)
        (self.root / "step01_next/expected/CMakeLists.txt").unlink()
        self.assert_fresh()

    def test_number_of_files(self):
        self.edit("step01_next/step.toml", "diff_budget = 3", "diff_budget = 100")
        for i in range(9):
            self.write(f"step01_next/part{i}.h", "#pragma once\n")
        self.docs("01")
        self.assert_fresh()
        self.write("step01_next/part9.h", "#pragma once\n")
        self.docs("01")
        self.assert_found("the step changes 11 files of step00_start, but at most 10 are readable")

    def test_length_of_main(self):
        self.write("step00_start/main.cpp", self.read("step00_start/main.cpp") + "//\n" * 234)  # 17 - 2 marks + 234 = 249
        self.assert_fresh("00")
        self.add("step00_start/main.cpp", "//\n")
        self.assert_found("step00_start/main.cpp: has 250 lines, but a lesson's program stays at 249 or fewer", argv=("00",))

    def test_missing_source(self):
        (self.root / "step00_start/main.cpp").unlink()
        self.assert_found("step00_start/main.cpp: is missing, but step.toml names its program")


class Shape(House):
    def lesson(self, old: str, new: str, *parts: str, step: str = "00") -> None:
        self.edit(f"step{step}_{'next' if step == '01' else 'start'}/README.md", old, new)
        self.assert_found(*parts, argv=(step,))

    def test_missing_page(self):
        (self.root / "step00_start/README.md").unlink()
        self.assert_found("step00_start/README.md: is missing; every step has its page")

    def test_title(self):
        self.lesson("# Step 00: the start", "# Step 00: the end",
                    "README.md:1: the page's one title must hold that of step.toml, 'The start', but it is 'Step 00: the end'")

    def test_two_titles(self):
        self.lesson("## Exercises", "# Exercises", "but there are 2 titles")

    def test_order_of_sections(self):
        self.lesson("## Why it is so", "## Reasons", "the section here must be 'Why it is so', but it is 'Reasons'; the order is "
                                                     "The idea · The code, read together · Run it")

    def test_missing_section(self):
        self.lesson("\n## Next\n", "", "step00_start/README.md: the section 'Next' is missing")

    def test_section_too_many(self):
        self.lesson("## Next\n", "## Next\n\n## More\n", "the section 'More' is one too many")

    def test_what_changes_is_needed_after_the_first(self):
        self.lesson("## What changes", "### What changes", "the section here must be 'What changes'", step="01")

    def test_what_changes_is_generated(self):
        text = self.read("step01_next/README.md")
        begin, end = text.index("<!-- changes -->"), text.index("<!-- end -->") + len("<!-- end -->")
        self.write("step01_next/README.md", text[:begin] + "Nothing." + text[end:])
        self.assert_found("step01_next/README.md: 'What changes' is not generated")

    def test_words(self):
        # 600 with the ten of the filler's first two sentences gone; code, tables and headings count for nothing.
        self.lesson(FILLER, FILLER[:FILLER.index("\n") + 1] * 59 + "| a | b |\n" * 40,
                    "step00_start/README.md: the page has 590 words of prose, but 600 to 1200 are a lesson")
        self.edit("step00_start/README.md", "| a | b |\n" * 40, "One more sentence of ten words stands here, `in code` too.\n")
        self.assert_fresh("00")

    def test_too_many_words(self):
        self.lesson(FILLER, FILLER + FILLER, "has 1240 words of prose")


class Links(House):
    def found(self, link: str, problem: str) -> None:
        self.add("README.md", f"\nSee [there]({link}).\n")
        self.assert_found(f"README.md:16: the link to '{link}' leads nowhere: {problem}", argv=("pages",))

    def test_missing_file(self):
        self.found("docs/no.md", "there is no docs/no.md")

    def test_missing_anchor_names_those_there_are(self):
        self.found("step00_start/README.md#idea", "step00_start/README.md has no heading '#idea'; it has exercises, ")

    def test_anchor_of_the_page_itself(self):
        self.found("#nowhere", "README.md has no heading '#nowhere'; it has a-course")

    def test_outside(self):
        self.found("../other.md", "that is outside of the repository")

    def test_line_of_a_source(self):
        self.found("step00_start/main.cpp#L99", "step00_start/main.cpp has only 17 lines")

    def test_links_that_lead_somewhere(self):
        self.add("README.md", """
[a](step00_start) [b](/step00_start/main.cpp#L17) [c](#a-course) [d](https://example.org/x#y) ![e](README.md "title")
[f](<step01_next/README.md#the-code-read-together>) `[code](no.md)` [g][ref] <a href="README.md">h</a>

[ref]: step00_start/CMakeLists.txt

<!-- typed: example -->
```cpp
// [code](no.md)
```
""")
        self.assert_fresh()

    def test_reference_and_html(self):
        self.add("README.md", '\n[ref]: no.md\n\n<img src="no.png">\n')
        self.assert_found("README.md:16: the link to 'no.md' leads nowhere", "README.md:18: the link to 'no.png' leads nowhere")

    def test_ignored_by_git(self):
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.write(".gitignore", "/build/\n/private.md\n")
        self.write("private.md", "```console\n$ unmarked, but nobody's page\n```\n")
        self.assert_fresh()
        self.add("README.md", "\n[Mine](private.md)\n")
        self.assert_found("README.md:16: the link to 'private.md' leads to a file that git ignores")


class CommandLine(House):
    def test_unknown_flag(self):
        result = self.docs("--chekc")
        self.assertEqual((result.code, result.text), (2, "error: docs has no flag '--chekc' (did you mean '--check'?); "
                                                         "it has --check, --build-dir and --help\n"))

    def test_unknown_step(self):
        self.assertEqual(self.docs("--check", "09").code, 2)

    def test_help(self):
        self.assertIn("Usage: ./course docs [--check]", self.docs("--help").text)


if __name__ == "__main__":
    unittest.main()

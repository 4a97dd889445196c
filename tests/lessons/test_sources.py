"""What is read from sources and build folders: regions, definitions, the diff of two steps, the canonical machine."""
import subprocess
import tempfile
import textwrap
import unittest
import unittest.mock
from pathlib import Path

from coursetool import canonical, changes
from coursetool.cppread import definitions
from coursetool.errors import CourseError
from coursetool.markdown import read_page, slug_of
from coursetool.regions import cut, read_regions, strip_markers
from coursetool.steps import load_step
from tests.lessons.house import STEP_TOML


class Regions(unittest.TestCase):
    def refused(self, text: str, message: str) -> None:
        with self.assertRaises(CourseError) as raised:
            read_regions(text, "a.cpp")
        self.assertEqual(str(raised.exception), message)

    def test_nested_dedented_and_without_marks(self):
        text = "// region outer\nvoid f() {\n  // region inner\n\n  one();\n\n    two();\n  // endregion\n}\n// endregion\n"
        self.assertEqual(read_regions(text, ""), {"inner": "one();\n\n  two();\n", "outer": "void f() {\n\n  one();\n\n    two();\n}\n"})

    def test_overlapping_by_name(self):
        text = "// region a\n1\n// region b\n2\n// endregion a\n3\n// endregion b\n"
        self.assertEqual(read_regions(text, ""), {"a": "1\n2\n", "b": "2\n3\n"})

    def test_python_and_whole_file(self):
        text = "# region x\nx = 1\n# endregion\ny = 2\n"
        self.assertEqual(cut(text, "x", "a.py"), "x = 1\n")
        self.assertEqual(cut(text, "", "a.py"), "x = 1\ny = 2\n")

    def test_words_that_are_no_marks(self):
        text = "// region growing is a method\n// the region x\nint region = 1;  // region\n"
        self.assertEqual(strip_markers(text), text)

    def test_what_is_refused(self):
        self.refused("x\n// region a\nx\n", "a.cpp:2: region 'a' is not closed; put an endregion behind its last line")
        self.refused("// region a\nx\n// endregion b\n", "a.cpp:3: an endregion, but no region 'b' is open here")
        self.refused("// endregion\n", "a.cpp:1: an endregion, but no region is open here")
        self.refused("// region a\nx\n// endregion\n// region a\nx\n// endregion\n",
                     "a.cpp:4: region 'a' is there twice in this file; give one of them another name")
        self.refused("// region a\n// region a\n", "a.cpp:2: region 'a' is there twice in this file; give one of them another name")
        self.refused("// region\nx\n", "a.cpp:1: a region needs a name, as in 'region dataset'")
        self.refused("// region a\n\n// endregion\n", "a.cpp:1: region 'a' is empty")


class Definitions(unittest.TestCase):
    def names(self, source: str) -> list[str]:
        return list(definitions(textwrap.dedent(source)))

    def test_functions_and_classes(self):
        self.assertEqual(self.names("""
            #include <vector>
            #define OPEN {
            namespace {
            // { unbalanced in a comment
            template <typename T, typename U = std::vector<int>>
            auto make(T value = {}) -> U {
              return "}" == value ? '{' : R"(}})";
            }
            }  // namespace
            namespace course::inner {
            [[nodiscard]] int declared(int x);
            class Data final : public Base<Data> {
             public:
              int method() const { return member_{1}; }
            };
            enum class Kind : int { a, b };
            using Alias = Data;
            TORCH_MODULE(Net);
            }
            extern "C" {
            int c_function(void) { return 1'000; }
            }
            """), ["make()", "Data", "Kind", "c_function()"])

    def test_members_operators_and_specializations(self):
        self.assertEqual(self.names("""
            Foo::Foo(int x) : a_{x}, b_(x) {
            }
            Foo::~Foo() {}
            struct Foo::Impl {};
            bool operator==(const A& a, const A& b) {
              return a.x == b.x;
            }
            template <>
            struct Box<void (*)(int)> : Base {
              int x;
            };
            """), ["Foo::Foo()", "Foo::~Foo()", "Foo::Impl", "operator==()", "Box"])

    def test_constants(self):
        self.assertEqual(self.names("""
            constexpr double kMean = 0.2860;
            const std::array<int, 2> kTwo{1, 2};
            static const auto kCall = [](int x) { return x; };
            int counter = 0;
            """), ["kMean", "kTwo", "kCall"])

    def test_change_is_seen_and_a_line_break_is_none(self):
        one = definitions("int f(int x) {\n  return x;\n}\n")
        self.assertEqual(one, definitions("int f(\n    int x) {\n  return x;\n}\n".replace("(\n    ", "(")))
        self.assertEqual(one, definitions("int\nf(int x) {\n\n  return x;\n}\n"))
        self.assertNotEqual(one, definitions("int f(int x) {\n  return -x;\n}\n"))

    def test_overloads_belong_together(self):
        self.assertNotEqual(definitions("void f() {}\n"), definitions("void f() {}\nvoid f(int) {}\n"))
        self.assertEqual(self.names("void f() {}\nvoid f(int) {}\n"), ["f()"])


class TwoSteps(unittest.TestCase):
    """Two folders, made of {name: text} each."""

    def steps(self, before: dict[str, str], after: dict[str, str]):
        folder = tempfile.TemporaryDirectory(prefix="course-lessons-")
        self.addCleanup(folder.cleanup)
        loaded = []
        for number, (name, files) in enumerate((("old", before), ("new", after))):
            step = Path(folder.name) / f"step{number:02}_{name}"
            budget = "diff_budget = 10" if number else ""
            for file, text in {**files, "step.toml": STEP_TOML.format(name=name, minutes=1, budget=budget)}.items():
                path = step / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            loaded.append(load_step(step))
        return loaded

    body = "".join(f"  call_number_{i}();\n" for i in range(20))

    def test_moved_new_changed_and_gone(self):
        train = f"void train() {{\n{self.body}}}\n"
        before, after = self.steps(
            {"main.cpp": f"{train}void old() {{}}\nint main() {{\n  train();\n}}\n", "CMakeLists.txt": "add_step()\n",
             "gone.h": "int nothing();\n"},
            {"main.cpp": "int main() {\n  train(1);\n}\n", "train.cpp": f"{train}void more() {{}}\n",
             "CMakeLists.txt": "add_step(SOURCES train.cpp)\n"})
        self.assertEqual(changes.summary(before, after)[2:], [
            "| file | lines | new | moved here | changed | gone |",
            "| --- | --- | --- | --- | --- | --- |",
            "| `main.cpp` | +1 −24 |  |  | `main()` | `old()` |",
            "| `train.cpp` (from `main.cpp`) | +1 −0 | `more()` | `train()` from `main.cpp` |  |  |",
            "| `gone.h` (removed) | +0 −1 |  |  |  |  |",
            "| `CMakeLists.txt` | +1 −1 |  |  |  |  |"])
        self.assertEqual(changes.summary(before, after)[0],
                         "Against [step 00](../step00_old/README.md), 3 lines of code are new (of at most 10) and 26 are gone. "
                         "`./course diff 00 01` shows them.")

    def test_renamed_file_is_no_new_code(self):
        before, after = self.steps({"a.cpp": f"void f() {{\n{self.body}}}\n"}, {"models/b.cpp": f"void f() {{\n{self.body}  more();\n}}\n"})
        change, = changes.file_changes(before, after)
        self.assertEqual((change.name, change.before, change.added, change.removed, change.changed),
                         ("models/b.cpp", "a.cpp", 1, 0, ("f()",)))
        self.assertIn("| `models/b.cpp` (was `a.cpp`) | +1 −0 | `f()` |", changes.summary(before, after))

    def test_nothing_differs(self):
        before, after = self.steps({"main.cpp": "int a;\n"}, {"main.cpp": "int a;\n", "python/a.cpp": "", "README.md": "x"})
        self.assertEqual(changes.summary(before, after), ["No line of code differs from [step 00](../step00_old/README.md)."])
        self.assertEqual(changes.code_diff(before, after, False), "")

    def test_diff_shows_code_alone(self):
        before, after = self.steps({"main.cpp": "// region a\nint a;\n// endregion\n", "README.md": "old\n"},
                                   {"main.cpp": "// region b\nint b;\n// endregion\n", "README.md": "new\n"})
        self.assertEqual(changes.code_diff(before, after, False), textwrap.dedent("""\
            diff --git step00_old/main.cpp step01_new/main.cpp
            --- step00_old/main.cpp
            +++ step01_new/main.cpp
            @@ -1 +1 @@
            -int a;
            +int b;
            """))
        colored = changes.code_diff(before, after, True)
        self.assertIn("\033[31m-int a;\033[m\n", colored)
        self.assertNotIn("index", colored)

    def test_nobodys_settings_of_git(self):
        with tempfile.TemporaryDirectory() as home:
            subprocess.run(["git", "config", "--file", f"{home}/.gitconfig", "diff.noprefix", "false"], check=True)
            subprocess.run(["git", "config", "--file", f"{home}/.gitconfig", "diff.context", "0"], check=True)
            with unittest.mock.patch.dict("os.environ", HOME=home, GIT_DIFF_OPTS="-u0", GIT_EXTERNAL_DIFF="false"):
                before, after = self.steps({"main.cpp": "1\n2\n3\n"}, {"main.cpp": "1\n2\n4\n"})
                self.assertIn("@@ -1,3 +1,3 @@\n 1\n 2\n-3\n+4\n", changes.code_diff(before, after, False))


class Canonical(unittest.TestCase):
    root, build = Path("/home/me/course"), Path("/home/me/course/build/dev")

    def tidied(self, text: str) -> str:
        return canonical.tidy(text, self.root, self.build)

    def test_paths_and_spaces(self):
        self.assertEqual(self.tidied("data: /home/me/course/common/data\n/home/me/course: x \n\n/home/me/course-two/a\n"
                                     "run /home/me/course/build/dev/bin/a\n\n \n"),
                         "data: common/data\n.: x\n\n/home/me/course-two/a\nrun build/release/bin/a\n")
        self.assertEqual(self.tidied("Epoch 0/5   45 %  190/422  19 batches/s  12 s left\nEpoch 0/5  loss=0.5  (22.2 s, 19 batches/s)\n"),
                         "Epoch 0/5  loss=0.5  (22.2 s, 19 batches/s)\n", "the line of a bar that is not done yet comes by the clock")
        self.assertEqual(self.tidied("epoch 1    5 %  loss 0.7  4,190 images/s\nepoch 1  100 %  422/422  2.1 batches/s\nright: 45 %  9 images/s too\n"),
                         "right: 45 %  9 images/s too\n")
        self.assertEqual(self.tidied("no end of line"), "no end of line\n")
        self.assertEqual(self.tidied(""), "")

    def examined(self, version: str = "1.13.1", origin: str = "the distribution", flags: str = "fpu avx avx2",
                 machine: str = "x86_64", blas: str = "/usr/lib/openblas-openmp/libblas.so.3") -> canonical.Machine:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "CMakeCache.txt").write_text(
                f"COURSE_TORCH_VERSION:INTERNAL={version}\nCOURSE_TORCH_ORIGIN:INTERNAL={origin}\n", encoding="utf-8")
            with (unittest.mock.patch("platform.machine", return_value=machine),
                  unittest.mock.patch("os.path.realpath", return_value=blas),
                  unittest.mock.patch.object(canonical, "_processor_flags", return_value=set(flags.split()))):
                return canonical.examine(Path(folder))

    def test_machine(self):
        self.assertEqual(self.examined(), canonical.Machine(True))
        for reason, machine in (("libtorch 2.6 instead of 1.13", self.examined(version="2.6.0")),
                                ("no libtorch version is known", self.examined(version="")),
                                ("a libtorch from CMAKE_PREFIX_PATH", self.examined(origin="CMAKE_PREFIX_PATH")),
                                ("a processor without AVX2", self.examined(flags="fpu avx")),
                                ("a processor of kind aarch64", self.examined(machine="aarch64")),
                                ("the BLAS /usr/lib/blas/libblas.so.3", self.examined(blas="/usr/lib/blas/libblas.so.3"))):
            with self.subTest(reason):
                self.assertFalse(machine.canonical)
                self.assertTrue(machine.reason.startswith(reason), machine.reason)

    def test_without_a_build(self):
        self.assertFalse(canonical.examine(Path("/nowhere")).canonical)


class Pages(unittest.TestCase):
    def page(self, text: str):
        folder = tempfile.TemporaryDirectory(prefix="course-lessons-")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "a.md"
        path.write_text(text, encoding="utf-8")
        return read_page(path)

    def test_words_of_prose(self):
        page = self.page("# Two words\n\nOne **two** [three four](some/link.md) - five, `six()` <b>7</b>.\n\n| no | no |\n"
                         "<!-- no -->\n<!-- changes -->\nno\n<!-- end -->\n\n```cpp\nno\n```\n- 8\n")
        self.assertEqual(page.words(), 8)

    def test_anchors_as_github_makes_them(self):
        self.assertEqual(slug_of("What you should see"), "what-you-should-see")
        self.assertEqual(slug_of("`f_theta`, and *why*: [a link](b.md)!"), "f_theta-and-why-a-link")
        page = self.page('# A\n## A\n<a id="by-hand"></a>\n```\n# no\n```\n')
        self.assertEqual(page.anchors(), {"a", "a-1", "by-hand"})


if __name__ == "__main__":
    unittest.main()

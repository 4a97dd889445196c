"""The header that all others include, for clang, which is stricter than g++ about what must be known where."""
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLANG = next(filter(None, (shutil.which(name) for name in ("clang++", *(f"clang++-{version}" for version in range(25, 13, -1))))), None)
# In place of libtorch's header, which clang 14 cannot read as C++20.
TYPES = "namespace torch { class Tensor { public: Tensor(); Tensor(const Tensor&); ~Tensor(); void* data; }; }\n"


@unittest.skipUnless(CLANG, "no clang++: apt-get install clang")
class Clang(unittest.TestCase):
    def test_the_values_of_checkpoints(self):
        with tempfile.TemporaryDirectory() as folder:
            header = Path(folder, "torch", "types.h")
            header.parent.mkdir()
            header.write_text(TYPES, encoding="utf-8")
            source = Path(folder, "use.cpp")
            source.write_text('#include "serialize/value.h"\ncourse::Value value(const course::Dict& dict) { return dict.at("a"); }\n',
                              encoding="utf-8")
            done = subprocess.run([CLANG, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/common", f"-I{folder}", source],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()

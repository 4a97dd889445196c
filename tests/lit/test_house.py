"""The trainer library's house: who may know whom, and how large a room may be (docs/architecture.md)."""
import re
import unittest
from pathlib import Path

LIT = Path(__file__).resolve().parents[2] / "common/lit"


def sources() -> list[Path]:
    return [path for path in sorted(LIT.rglob("*")) if path.suffix in (".h", ".cpp")]


def that_include(header: str) -> set[str]:
    return {path.relative_to(LIT).as_posix() for path in sources() if f'#include "lit/{header}"' in path.read_text(encoding="utf-8")}


class House(unittest.TestCase):
    def test_who_knows_the_trainer(self):
        """The facade itself, the umbrella header, and callbacks, whose hooks are given it."""
        known = that_include("trainer/trainer.h")
        self.assertEqual({name for name in known if not name.startswith("callbacks/")}, {"trainer.h", "trainer/trainer.cpp"})

    def test_who_knows_the_run(self):
        self.assertEqual(that_include("run/run.h"), {"run/run.cpp", "trainer/trainer.cpp"})

    def test_parts_take_neither(self):
        """Of all parts Hooks alone keeps the Trainer, for callbacks; Run passes it on."""
        for folder in ("run", "loops", "checkpoint", "strategies"):
            for path in sorted((LIT / folder).glob("*.h")):
                if path.name in ("hooks.h", "run.h"):
                    continue
                self.assertNotRegex(path.read_text(encoding="utf-8"), r"\b(Trainer|Run)\s*&", path.name)

    def test_friends(self):
        self.assertNotIn("friend", (LIT / "trainer/trainer.h").read_text(encoding="utf-8"))
        for path in sources():
            if "metrics" in path.parts:  # a group of metrics counts in one of them
                continue
            self.assertLessEqual(len(re.findall(r"^\s*friend ", path.read_text(encoding="utf-8"), re.M)), 1, path.name)

    def test_no_room_is_too_large(self):
        lines = {path.relative_to(LIT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
        self.assertEqual({name: count for name, count in lines.items() if count > 400}, {})
        self.assertEqual({name: count for name, count in lines.items() if name.startswith("loops/") and count > 250}, {})
        self.assertEqual({name: count for name, count in lines.items() if name.startswith("trainer/trainer.") and count > 300}, {})

    def test_no_loop_knows_the_format(self):
        for path in sorted((LIT / "loops").glob("*")):
            self.assertNotRegex(path.read_text(encoding="utf-8"), r'"(state_dict|batch_progress|lit_format|place)"|keys::', path.name)


if __name__ == "__main__":
    unittest.main()

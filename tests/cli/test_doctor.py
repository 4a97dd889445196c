"""What ./course doctor says of GPUs: of machines that are told to it, and of one whose driver is made up."""
import contextlib
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from coursetool import doctor

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("COURSE_BIN", ROOT / "build/release/bin"))

H100 = {"name": "NVIDIA H100 80GB HBM3", "bytes": 85_029_158_912, "capability": [9, 0]}
TORCH = {"cuda_built": True, "cuda_available": True, "cuda_why_not": "", "cuda": "13.0", "cudnn": "9.10.2", "nccl": "2.27.3",
         "architectures": ["sm_75", "sm_80", "sm_90", "compute_90"]}
DRIVER = {"trouble": "", "version": "13.0", "gpus": [H100]}
CPU_TORCH = TORCH | {"cuda_built": False, "cuda_available": False, "cuda_why_not": "this libtorch was built without CUDA"}

# The driver's functions that are asked, of a machine with one GPU; CUDA_VISIBLE_DEVICES hides it.
FAKE_DRIVER = r"""
#include <stdlib.h>
#include <string.h>
int cuInit(unsigned flags) { return getenv("CUDA_VISIBLE_DEVICES") ? 100 : atoi(getenv("FAKE_RESULT") ? getenv("FAKE_RESULT") : "0"); }
int cuDriverGetVersion(int* version) { *version = 12080; return 0; }
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGet(int* device, int index) { *device = 40 + index; return 0; }
int cuDeviceGetName(char* name, int size, int device) { strncpy(name, device == 40 ? "Card \"One\"" : "?", size); return 0; }
int cuDeviceTotalMem_v2(size_t* bytes, int device) { *bytes = 8ul << 30; return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) { *value = attribute == 75 ? 8 : attribute == 76 ? 6 : -1; return 0; }
int cuGetErrorString(int error, const char** text) { *text = error == 803 ? "system has unsupported display driver / cuda driver combination" : 0; return *text ? 0 : 1; }
"""


class Gpus(unittest.TestCase):
    def said(self, torch: dict, driver: dict, nvcc: str = "13.0") -> dict[str, tuple[str, str]]:
        with mock.patch.object(doctor, "nvcc_version", lambda: nvcc):
            return {finding.what: (finding.state, f"{finding.found} → {finding.remedy}") for finding in doctor.cuda(torch, driver)}

    def test_all_is_well(self):
        self.assertEqual(self.said(TORCH, DRIVER), {
            "GPU": ("ok", "NVIDIA H100 80GB HBM3, 79.2 GiB, compute capability 9.0 → "),
            "CUDA": ("ok", "built in, 13.0; cuDNN 9.10.2; NCCL 2.27.3; the driver is of CUDA 13.0 → "),
            "CUDA toolkit": ("ok", "13.0 → ")})
        self.assertEqual(list(self.said(TORCH, DRIVER | {"gpus": [H100, H100]})), ["GPU 0", "GPU 1", "CUDA", "CUDA toolkit"])

    def test_a_machine_without_is_no_fault(self):
        self.assertEqual(self.said(CPU_TORCH, {"trouble": "there is no NVIDIA driver (no libcuda.so.1)", "version": "", "gpus": []}),
                         {"GPU": ("ok", "none: there is no NVIDIA driver (no libcuda.so.1) → "),
                          "CUDA": ("ok", "not used: this libtorch was built without CUDA → ")})

    def test_what_is_wrong(self):
        state, text = self.said(CPU_TORCH, DRIVER)["CUDA"]
        self.assertEqual(state, "warn")
        self.assertIn("COURSE_TORCH_FROM_PYTHON=python3 ./course run", text)

        state, text = self.said(TORCH, DRIVER | {"version": "12.8"})["CUDA"]
        self.assertEqual(state, "bad")
        self.assertIn("but the driver is of CUDA 12.8, which is older → install a newer driver, or a libtorch for CUDA 12.8", text)
        self.assertEqual(self.said(TORCH | {"cuda": "12.9"}, DRIVER | {"version": "12.8"})["CUDA"][0], "ok", "within 12 all fit")

        state, text = self.said(TORCH, DRIVER | {"gpus": [H100 | {"capability": [7, 0]}]})["GPU"]
        self.assertEqual(state, "bad")
        self.assertIn("no code for it, only for sm_75, sm_80, sm_90, compute_90", text)

        self.assertEqual(self.said(TORCH, DRIVER, nvcc="")["CUDA toolkit"][0], "warn")
        self.assertIn("12.8, but libtorch was built with 13.0", self.said(TORCH, DRIVER, nvcc="12.8")["CUDA toolkit"][1])

        none = DRIVER | {"trouble": "the driver sees no GPU", "gpus": []}
        lost = TORCH | {"cuda_available": False, "cuda_why_not": "CUDA is built in, but no CUDA device is present"}
        with mock.patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": ""}):
            self.assertIn("CUDA_VISIBLE_DEVICES is '': unset it", self.said(lost, none)["CUDA"][1])
        with mock.patch.dict(os.environ):
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            self.assertIn("look at what nvidia-smi says", self.said(lost, none)["CUDA"][1])

    def test_what_stopped_cmake_is_said_in_its_words(self):
        text = ("-- Detecting\nCMake Error at cmake/CourseTorch.cmake:83 (message):\n  The torch of python3 brings no CMake\n  files.  Leave it out.\n\n"
                "Call Stack (most recent call first):\n  CMakeLists.txt:11 (include)\n")
        self.assertEqual(doctor.said_by_cmake(text), "The torch of python3 brings no CMake files. Leave it out.")
        self.assertEqual(doctor.said_by_cmake("ninja: error: loading 'build.ninja'"), "")

    def test_which_gpus_a_libtorch_has_code_for(self):
        for architectures, capability, expected in ((["sm_80"], (8, 6), True), (["sm_86"], (8, 0), False), (["sm_80"], (9, 0), False),
                                                    (["compute_80"], (9, 0), True), (["sm_90"], (12, 0), False), (["sm_120"], (12, 0), True),
                                                    (["compute_120"], (9, 0), False), ([], (9, 0), True)):
            self.assertEqual(doctor.has_code_for(capability, architectures), expected, (architectures, capability))


@unittest.skipUnless((BIN / "course_probe").exists(), "the probe is not built")
class Probe(unittest.TestCase):
    def facts(self, **environment: str) -> dict:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path("driver.c").write_text(FAKE_DRIVER, encoding="utf-8")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", "libcuda.so.1", "driver.c"], check=True)
            kept = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
            done = subprocess.run([BIN / "course_probe", "--json"], env=kept | {"LD_LIBRARY_PATH": folder} | environment,
                                  capture_output=True, text=True, check=True)
            return json.loads(done.stdout)

    def test_a_driver_is_asked_by_name(self):
        self.assertEqual(self.facts()["driver"],
                         {"trouble": "", "version": "12.8", "gpus": [{"name": 'Card "One"', "bytes": 8 * 2**30, "capability": [8, 6]}]})
        self.assertEqual(self.facts(CUDA_VISIBLE_DEVICES="")["driver"], {"trouble": "the driver sees no GPU", "version": "12.8", "gpus": []})
        self.assertEqual(self.facts(FAKE_RESULT="803")["driver"]["trouble"],
                         "the driver says: system has unsupported display driver / cuda driver combination; "
                         "the kernel runs another version of it, so restart")
        self.assertEqual(self.facts(FAKE_RESULT="999")["driver"]["trouble"], "the driver says: error 999")


if __name__ == "__main__":
    unittest.main()

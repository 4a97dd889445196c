#!/bin/sh
# Lets afl++ look for inputs that a reader answers with anything but an Error:
#
#     tests/fuzz/run.sh [SECONDS] [FOLDER] [TARGET...]
#
# SECONDS for each target; without any, for all that have a file in sources/. Needs afl++ and clang
# (apt-get install afl++ clang pkg-config). What it finds is in FOLDER/TARGET/default/crashes and hangs; the
# exit status is 1 if there is anything.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600} folder=${2:-build/fuzz}
[ $# -lt 2 ] && shift $# || shift 2
[ $# -gt 0 ] || set -- $(basename -s .txt -a tests/fuzz/sources/*.txt)
found=0
for target; do
  out=$folder/$target
  mkdir -p "$out"
  AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast++ -std=c++20 -O1 -g -fsanitize=fuzzer -DCOURSE_FUZZER \
    -DSTEP12_CONFIGS="\"$PWD/step12_lightning_style/configs\"" -Itests/fuzz/stubs -Icommon -Istep12_lightning_style \
    $(pkg-config --cflags spdlog) "tests/fuzz/${target}_fuzz.cpp" $(cat "tests/fuzz/sources/$target.txt") \
    $(pkg-config --libs spdlog) -lz -o "$out/fuzz"
  AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
    afl-fuzz -V "$seconds" -i "tests/fuzz/corpus/$target" -o "$out" -- "$out/fuzz" > "$out/log" 2>&1 || { tail -20 "$out/log"; exit 2; }
  echo "$target"
  sed -n 's/^\(run_time\|execs_done\|execs_per_sec\|corpus_count\|edges_found\|bitmap_cvg\|saved_crashes\|saved_hangs\) *: */  \1 /p' \
    "$out/default/fuzzer_stats"
  found=$((found + $(find "$out/default/crashes" "$out/default/hangs" -name 'id*' | wc -l)))
done
[ "$found" -eq 0 ]

#!/bin/sh
# Lets afl++ look for inputs that the reader of checkpoints answers with anything but an Error:
#
#     tests/fuzz/run.sh [SECONDS] [FOLDER]
#
# Needs afl++ and clang (apt-get install afl++ clang). What it finds is in FOLDER/default/crashes
# and hangs; the exit status is 1 if there is anything.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600} folder=${2:-build/fuzz}
mkdir -p "$folder"
AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast++ -std=c++20 -O1 -g -fsanitize=fuzzer -DCOURSE_FUZZER -Icommon \
  tests/fuzz/torch_file_fuzz.cpp common/serialize/pickle_reader.cpp common/serialize/zip_reader.cpp -lz -o "$folder/torch_file_fuzz"
AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
  afl-fuzz -V "$seconds" -i tests/fuzz/corpus -o "$folder" -- "$folder/torch_file_fuzz" > "$folder/log" 2>&1 || { tail -20 "$folder/log"; exit 2; }
sed -n 's/^\(run_time\|execs_done\|execs_per_sec\|corpus_count\|edges_found\|bitmap_cvg\|saved_crashes\|saved_hangs\) *: */\1 /p' "$folder/default/fuzzer_stats"
found=$(find "$folder/default/crashes" "$folder/default/hangs" -name 'id*' | wc -l)
[ "$found" -eq 0 ]

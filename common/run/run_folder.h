// A folder for each run, that no other run ever gets.
#pragma once

#include <filesystem>
#include <string>

namespace course {

/// Where runs are kept: `run_dir` unless it is "", else $COURSE_RUNS unless that is empty, else
/// runs/ in the working directory.
std::filesystem::path runs_folder(const std::string& run_dir);

/// Makes a new folder in `parent`, which is made too if it is not there, named by the local time:
/// 2026-11-21_17-45-19, and with -2, -3 ... behind it if others began in the same second. Making
/// the folder is the test for its name, so that two processes never share one. Then lets the link
/// `parent`/latest point to it.
/// @param option  what the program calls the place that its user may choose
/// @throws Error if it cannot be made, with the reason
std::filesystem::path make_run_folder(const std::filesystem::path& parent,
                                      const std::string& option = "--run-dir");

}  // namespace course

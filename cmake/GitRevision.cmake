# Run at every build: writes OUTPUT, a source that says which git revision SOURCE_DIR is at. An unchanged file is left
# alone, so that nothing is compiled or linked for it.
set(text "unknown: not built from a git repository")
execute_process(COMMAND git -C ${SOURCE_DIR} rev-parse --short=10 HEAD
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(NOT failed)
  execute_process(COMMAND git -C ${SOURCE_DIR} status --porcelain OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes STREQUAL "")
    set(text "${revision} (clean)")
  else()
    set(text "${revision} (with changes that were not committed)")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
// Written by cmake/GitRevision.cmake at build time.
#include "run/environment.h"

std::string course::git_revision() {
  return "@text@";
}
]] @ONLY)

# One set of compiler options for every target: a difference in -fPIC, -O, -g, NDEBUG or a sanitizer makes
# g++ drop the precompiled header without a word, and a file then takes 20 seconds instead of 5.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

option(LIT_BUILD_COURSE "Build the lessons and their tools, not the trainer library alone" ${PROJECT_IS_TOP_LEVEL})
option(BUILD_TESTING "Build the tests" ON)
set(_tests OFF)
if(LIT_BUILD_COURSE AND BUILD_TESTING)
  set(_tests ON)
endif()
option(LIT_BUILD_TESTS "Build the trainer library's tests" ${_tests})
option(COURSE_REQUIRE_CUDA "Stop when the libtorch that was found has no CUDA in it" OFF)
set(COURSE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")

# Warnings are errors with the compilers that the project is checked with; a newer one may know new warnings.
set(_known_compiler OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
  set(_known_compiler ON)
endif()
option(COURSE_WERROR "Treat warnings in the project's own code as errors" ${_known_compiler})

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "g++ 12 or newer is needed for C++20, but ${CMAKE_CXX_COMPILER} is version "
    "${CMAKE_CXX_COMPILER_VERSION}. Install a newer one and name it with -DCMAKE_CXX_COMPILER=g++-12.")
endif()

# -fPIC by hand: CMAKE_POSITION_INDEPENDENT_CODE would give programs -fPIE, which is a second set of options.
add_compile_options(-fPIC)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 may leave an empty part of a function among those that it takes for cold. It has the address of its neighbour, the
  # unwinder finds its empty entry, and an exception that passes the neighbour ends the program.
  add_compile_options(-fno-reorder-blocks-and-partition)
endif()

# Warnings go to the project's own targets only (CourseTargets.cmake), not to parts that are fetched.
set(COURSE_WARNINGS -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND COURSE_WARNINGS -Winvalid-pch)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 warns of its own std::string when it has inlined it (GCC bug 105651).
  list(APPEND COURSE_WARNINGS -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(COURSE_WERROR)
  list(APPEND COURSE_WARNINGS -Werror)
endif()
if(COURSE_SANITIZE)
  # With a sanitizer g++ 12 suspects std::regex, too.
  list(APPEND COURSE_WARNINGS -Wno-maybe-uninitialized)
  add_compile_options(-fsanitize=${COURSE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${COURSE_SANITIZE})
endif()

find_program(COURSE_CCACHE ccache)
if(COURSE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without this sloppiness ccache never caches a file that uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    ${COURSE_CCACHE})
endif()

find_program(COURSE_LLD ld.lld)
if(COURSE_LLD AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(-fuse-ld=lld)
endif()

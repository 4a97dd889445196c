# The three kinds of target: a folder of common/, a step's programs, a binary of tests.

# What every target has in common: libtorch, the include folder, the precompiled header. A program that links with it
# looks for functions of the C++ library in the system's first, then in libtorch (CourseBorders.cmake).
add_library(course_base INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
  set(_headers ${PROJECT_SOURCE_DIR}/common)
else()
  include(CoursePublicHeaders)
  set(_headers ${PROJECT_BINARY_DIR}/include)
  course_public_headers(${_headers})
endif()
target_include_directories(course_base INTERFACE $<BUILD_INTERFACE:${_headers}> $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/lit/before_0_2>)
if(NOT PROJECT_IS_TOP_LEVEL)
  target_include_directories(course_base INTERFACE ${_headers}/lit/before_0_2)
endif()
target_compile_features(course_base INTERFACE cxx_std_20)
target_link_libraries(course_base INTERFACE ${TORCH_LIBRARIES})
target_link_options(course_base INTERFACE ${COURSE_LINK_FIRST})

# {fmt} and spdlog, for our own sources: no header of ours includes them.
add_library(course_format INTERFACE)
target_link_libraries(course_format INTERFACE spdlog::spdlog)
if(COURSE_FMT_FIRST)
  target_include_directories(course_format SYSTEM BEFORE INTERFACE $<BUILD_INTERFACE:${COURSE_FMT_FIRST}>)
endif()

add_library(course_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(course_pch PRIVATE course_format PUBLIC course_base)
target_compile_options(course_pch PRIVATE ${COURSE_WARNINGS})
target_precompile_headers(course_pch PRIVATE
  <torch/torch.h> <spdlog/fmt/fmt.h> <algorithm> <cstdint> <filesystem> <functional> <iostream> <memory> <sstream> <string> <vector>)

# Warnings are for the project's own sources, not for those of whoever links with a library.
function(_course_target target)
  target_link_libraries(${target} PRIVATE course_format PUBLIC course_base)
  target_include_directories(${target} BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/common)
  target_compile_options(${target} PRIVATE ${COURSE_WARNINGS})
  target_precompile_headers(${target} REUSE_FROM course_pch)
endfunction()

# add_course_library(data SOURCES idx.cpp ... [PLAIN find.cpp ...] [DEPENDS course_device ZLIB::ZLIB ...]): the target
# course_data. PLAIN are the sources that include no header of libtorch. A file with libtorch's begins with some
# seconds in which the compiler instantiates what those headers use, the precompiled header or not: so several such
# files are compiled as one, and plain ones do not get the header.
function(add_course_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PLAIN;DEPENDS")
  add_library(course_${name} STATIC ${arg_SOURCES} ${arg_PLAIN})
  _course_target(course_${name})
  set_target_properties(course_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  # That a hidden class has members of unnamed namespaces is told of in every file but the one that is compiled.
  target_compile_options(course_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  set_source_files_properties(${arg_PLAIN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(course_${name} PUBLIC ${arg_DEPENDS})
endfunction()

# add_step([PROGRAMS main ...] [SOURCES more.cpp ...]): the programs of the step whose folder this is called in.
# Each is made of PROGRAM.cpp and the shared sources, which are compiled once and are the target stepNN_parts, for
# the step's tests as well. A program must have its expected output.
function(add_step)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "PROGRAMS;SOURCES")
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  string(REGEX MATCH "^step[0-9][0-9]" step ${folder})
  if(NOT arg_PROGRAMS)
    set(arg_PROGRAMS main)
  endif()
  set(libraries course_config course_data course_device course_plot course_run course_serialize course_terminal tomlplusplus::tomlplusplus)
  if(arg_SOURCES)
    add_library(${step}_parts OBJECT ${arg_SOURCES})
    _course_target(${step}_parts)
    target_include_directories(${step}_parts PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${step}_parts PUBLIC ${libraries})
    list(PREPEND libraries ${step}_parts)
  endif()
  foreach(program IN LISTS arg_PROGRAMS)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/expected/${program}.txt)
      message(FATAL_ERROR "${folder} has no expected output for its program ${program}: "
        "expected/${program}.txt is missing. Make it as an empty file, build, and let "
        "'./course docs ${folder}' write it.")
    endif()
    set(target ${step}_${program})
    add_executable(${target} ${program}.cpp $<TARGET_OBJECTS:course_before_main>)
    _course_target(${target})
    target_link_libraries(${target} PRIVATE ${libraries})
  endforeach()
endfunction()

# add_course_tests(common_tests SOURCES a_test.cpp ... [DEPENDS ...]): one binary, and one ctest entry per suite
# (starting a program that loads libtorch costs half a second, so not one per case).
function(add_course_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${target} ${arg_SOURCES} $<TARGET_OBJECTS:course_before_main>)
  _course_target(${target})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  target_link_libraries(${target} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE COURSE_SAMPLE_DIR="${PROJECT_SOURCE_DIR}/common/data/sample")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_SOURCES})
  set(suites "")
  foreach(source IN LISTS arg_SOURCES)
    file(STRINGS ${source} lines REGEX "^(TEST|TEST_F|TEST_P|TYPED_TEST)\\(")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[A-Z_]+\\(([A-Za-z0-9_]+).*" "\\1" suite "${line}")
      list(APPEND suites ${suite})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES suites)
  string(REGEX REPLACE "_tests$" "" group ${target})
  foreach(suite IN LISTS suites)
    add_test(NAME ${group}.${suite} COMMAND ${target} --gtest_filter=${suite}.*:*/${suite}.*:${suite}/*
      --gtest_brief=1)
    set_tests_properties(${group}.${suite} PROPERTIES ENVIRONMENT "OMP_NUM_THREADS=1")
  endforeach()
endfunction()

# add_python_test(cli.data tests.cli.test_data): a module of unittest, which is told what was built and where.
function(add_python_test name module)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -m unittest ${module} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT
    "PYTHONPATH=${PROJECT_SOURCE_DIR}/tools:${PROJECT_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1;COURSE_BIN=${PROJECT_BINARY_DIR}/bin;COURSE_BUILD=${PROJECT_BINARY_DIR};COURSE_TORCH_VERSION=${COURSE_TORCH_VERSION}")
endfunction()

# add_exercises(): a target for each stepNN_name/exercises/N_name, stepNN_exerciseN, which is its check built with what
# lies in work/stepNN/N_name; and one for each folder build/.../variants/stepNN_exerciseN_WORD, where the proofs and a
# teacher's report lay out other files for the same check. All are built only when they are asked for.
function(add_exercises)
  file(GLOB checks CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/step[0-9][0-9]_*/exercises/[0-9]_*/check.cpp)
  file(GLOB variants LIST_DIRECTORIES true CONFIGURE_DEPENDS ${PROJECT_BINARY_DIR}/variants/step*)
  foreach(check IN LISTS checks)
    cmake_path(GET check PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    string(REGEX REPLACE ".*/(step[0-9][0-9])_[^/]*/exercises/([0-9])_.*" "\\1_exercise\\2" target ${folder})
    string(SUBSTRING ${target} 0 6 step)
    _exercise(${target} ${folder} ${PROJECT_SOURCE_DIR}/work/${step}/${name})
    target_compile_options(${target} PRIVATE -Wno-error)  # a learner's warning is a warning
    set(own ${variants})
    list(FILTER own INCLUDE REGEX "/${target}_[^/]*$")
    foreach(variant IN LISTS own)
      cmake_path(GET variant FILENAME variant_target)
      _exercise(${variant_target} ${folder} ${variant})
    endforeach()
  endforeach()
endfunction()

function(_exercise target folder files)
  cmake_path(GET folder PARENT_PATH step_folder)
  cmake_path(GET step_folder PARENT_PATH step_folder)
  file(STRINGS ${folder}/exercise.toml links REGEX "^links = ")
  string(REGEX MATCHALL "[a-z0-9_]+" links "${links}")
  list(REMOVE_ITEM links links)
  add_executable(${target} EXCLUDE_FROM_ALL ${folder}/check.cpp $<TARGET_OBJECTS:course_before_main>)
  _course_target(${target})
  target_include_directories(${target} BEFORE PRIVATE ${files} ${step_folder})
  target_link_libraries(${target} PRIVATE ${links} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE COURSE_SAMPLE_DIR="${PROJECT_SOURCE_DIR}/common/data/sample")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/exercises)
endfunction()

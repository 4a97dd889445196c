# Finds libtorch: the user's own first (Torch_DIR, CMAKE_PREFIX_PATH), then the one inside a Python torch
# (COURSE_TORCH_FROM_PYTHON), then the distribution's. Says which one won and what is in it.

set(COURSE_TORCH_FROM_PYTHON "" CACHE STRING "A Python interpreter whose torch package is to be used")
set(COURSE_TORCH_ORIGIN "the distribution")

# Is there a TorchConfig.cmake under this prefix? (zip: share/cmake/Torch; pip: the prefix is share/cmake itself)
function(_course_torch_below prefix result)
  file(GLOB found ${prefix}/share/cmake/Torch/TorchConfig.cmake ${prefix}/Torch/TorchConfig.cmake
    ${prefix}/lib/cmake/Torch/TorchConfig.cmake ${prefix}/lib/*/cmake/Torch/TorchConfig.cmake)
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

if(Torch_DIR OR DEFINED ENV{Torch_DIR})
  if(NOT Torch_DIR)
    set(Torch_DIR $ENV{Torch_DIR})
  endif()
  if(NOT COURSE_TORCH_ORIGIN_CACHED)
    set(COURSE_TORCH_ORIGIN "Torch_DIR")
  endif()
else()
  string(REPLACE ":" ";" _prefixes "$ENV{CMAKE_PREFIX_PATH}")
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH _prefixes)
    _course_torch_below(${prefix} found)
    if(found)
      list(GET found 0 found)
      cmake_path(GET found PARENT_PATH Torch_DIR)
      set(COURSE_TORCH_ORIGIN "CMAKE_PREFIX_PATH")
      break()
    endif()
  endforeach()
  if(NOT Torch_DIR AND COURSE_TORCH_FROM_PYTHON)
    execute_process(
      COMMAND ${COURSE_TORCH_FROM_PYTHON} -c "import sys, torch; print(torch.utils.cmake_prefix_path, sys.prefix, sep=chr(59))"
      OUTPUT_VARIABLE prefixes ERROR_VARIABLE error OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "COURSE_TORCH_FROM_PYTHON=${COURSE_TORCH_FROM_PYTHON} could not import torch: ${error}\n"
        "Install torch for that interpreter, name another one, or leave the option out.")
    endif()
    # Wheels have it inside the package; conda may have it beside its other libraries.
    list(POP_FRONT prefixes prefix)
    _course_torch_below(${prefix} found)
    if(NOT found AND EXISTS ${prefixes}/conda-meta)
      _course_torch_below(${prefixes} found)
    endif()
    if(NOT found)
      message(FATAL_ERROR "The torch of ${COURSE_TORCH_FROM_PYTHON} brings no CMake files "
        "(looked for ${prefix}/Torch/TorchConfig.cmake). A distribution's python3-torch is made so: "
        "leave the option out and the distribution's libtorch is used.")
    endif()
    list(GET found 0 found)
    cmake_path(GET found PARENT_PATH Torch_DIR)
    set(COURSE_TORCH_ORIGIN "the torch of ${COURSE_TORCH_FROM_PYTHON}")
  endif()
endif()
# find_package writes Torch_DIR to the cache: keep the reason beside it, or a second run would call it "Torch_DIR".
if(COURSE_TORCH_ORIGIN_CACHED AND COURSE_TORCH_ORIGIN STREQUAL "the distribution")
  set(COURSE_TORCH_ORIGIN "${COURSE_TORCH_ORIGIN_CACHED}")
endif()
set(COURSE_TORCH_ORIGIN_CACHED "${COURSE_TORCH_ORIGIN}" CACHE INTERNAL "Where libtorch was found")

# CUDA 12 dropped the nvToolsExt library that libtorch up to 2.6 still names; its replacement is header-only.
if(EXISTS "${Torch_DIR}/../Caffe2/public/cuda.cmake")
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND AND NOT TARGET CUDA::nvToolsExt)
    add_library(CUDA::nvToolsExt INTERFACE IMPORTED)
    if(TARGET CUDA::nvtx3)
      target_link_libraries(CUDA::nvToolsExt INTERFACE CUDA::nvtx3)
    endif()
  endif()
endif()

find_package(Torch QUIET)
if(NOT Torch_FOUND)
  message(FATAL_ERROR "libtorch was not found. On Debian and Ubuntu: apt-get install libtorch-dev "
    "(./course run does it). Elsewhere unpack libtorch from pytorch.org and give "
    "-DCMAKE_PREFIX_PATH=/path/to/libtorch, or take the one inside a Python torch: "
    "-DCOURSE_TORCH_FROM_PYTHON=python3.")
endif()

# CMake's files of the newest libtorch do not tell the version, so it is read in a header: torch/version.h, or, where that
# only includes it, torch/headeronly/version.h.
function(_course_torch_version folders result)
  foreach(folder IN LISTS folders)
    foreach(header IN ITEMS torch/version.h torch/headeronly/version.h)
      if(NOT EXISTS ${folder}/${header})
        continue()
      endif()
      set(numbers "")
      foreach(part IN ITEMS MAJOR MINOR PATCH)
        file(STRINGS ${folder}/${header} line REGEX "define TORCH_VERSION_${part} +[0-9]+")
        if(line MATCHES "([0-9]+)[ \t]*$")
          list(APPEND numbers ${CMAKE_MATCH_1})
        endif()
      endforeach()
      list(LENGTH numbers count)
      if(count EQUAL 3)
        list(JOIN numbers "." version)
        set(${result} ${version} PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
endfunction()

set(COURSE_TORCH_VERSION "${Torch_VERSION}")
_course_torch_version("${TORCH_INCLUDE_DIRS}" COURSE_TORCH_VERSION)
if(NOT COURSE_TORCH_VERSION)
  message(FATAL_ERROR "The libtorch in ${Torch_DIR} does not say its version: neither torch/version.h nor "
    "torch/headeronly/version.h defines TORCH_VERSION_MAJOR, _MINOR and _PATCH below ${TORCH_INCLUDE_DIRS}. "
    "Unpack or install it again, or name another one with -DCMAKE_PREFIX_PATH=/path/to/libtorch.")
endif()
set(COURSE_TORCH_VERSION "${COURSE_TORCH_VERSION}" CACHE INTERNAL "The version of the libtorch that was found")
if(COURSE_TORCH_VERSION VERSION_LESS 1.13)
  message(FATAL_ERROR "libtorch 1.13 or newer is needed, but the one in ${Torch_DIR} is ${COURSE_TORCH_VERSION}. "
    "Name another one with -DCMAKE_PREFIX_PATH=/path/to/libtorch.")
endif()
if("${TORCH_CXX_FLAGS}" MATCHES "GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR "This libtorch was built with the old C++ ABI (${TORCH_CXX_FLAGS}), so nothing else on this "
    "machine links with it. Take the build whose name has cxx11-abi in it: ${Torch_DIR} is the wrong one.")
endif()

set(COURSE_TORCH_CUDA OFF)
if(TARGET torch_cuda)
  set(COURSE_TORCH_CUDA ON)
endif()
if(COURSE_REQUIRE_CUDA AND NOT COURSE_TORCH_CUDA)
  message(FATAL_ERROR "The cuda preset needs a libtorch with CUDA, but the one found (${COURSE_TORCH_VERSION}, from "
    "${COURSE_TORCH_ORIGIN}) is built for the CPU alone. Give another one with -DCMAKE_PREFIX_PATH=... or "
    "-DCOURSE_TORCH_FROM_PYTHON=..., or use the release preset.")
endif()

# Debian's libtorch calls whatever the libblas.so.3 alternative points to; others bring their own.
set(COURSE_BLAS "brought by this libtorch")
file(GLOB _alternative /etc/alternatives/libblas.so.3-*)
if(COURSE_TORCH_ORIGIN STREQUAL "the distribution" AND _alternative)
  list(GET _alternative 0 _alternative)
  file(REAL_PATH ${_alternative} COURSE_BLAS)
  if(COURSE_BLAS MATCHES "/blas/libblas")
    string(APPEND COURSE_BLAS " (the reference one, about 27 times slower: apt-get install libopenblas0-openmp)")
  elseif(COURSE_BLAS MATCHES "pthread")
    string(APPEND COURSE_BLAS " (ignores libtorch's threads: apt-get install libopenblas0-openmp)")
  endif()
endif()
message(STATUS "libtorch ${COURSE_TORCH_VERSION} from ${COURSE_TORCH_ORIGIN} (${Torch_DIR})")
message(STATUS "  CUDA: ${COURSE_TORCH_CUDA}   BLAS: ${COURSE_BLAS}")

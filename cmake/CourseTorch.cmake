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
      COMMAND ${COURSE_TORCH_FROM_PYTHON} -c "import torch; print(torch.utils.cmake_prefix_path)"
      OUTPUT_VARIABLE prefix ERROR_VARIABLE error OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "COURSE_TORCH_FROM_PYTHON=${COURSE_TORCH_FROM_PYTHON} could not import torch: ${error}\n"
        "Install torch for that interpreter, name another one, or leave the option out.")
    endif()
    _course_torch_below(${prefix} found)
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

# The header knows the version to the last digit; CMake's file of Debian 12 says 1.13.0 for a 1.13.1.
find_file(COURSE_TORCH_VERSION_HEADER torch/version.h PATHS ${TORCH_INCLUDE_DIRS} NO_DEFAULT_PATH)
set(COURSE_TORCH_VERSION ${Torch_VERSION})
if(COURSE_TORCH_VERSION_HEADER)
  file(STRINGS ${COURSE_TORCH_VERSION_HEADER} _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX MATCHALL "[0-9]+" _numbers "${_lines}")
  list(JOIN _numbers "." COURSE_TORCH_VERSION)
endif()
if(COURSE_TORCH_VERSION VERSION_LESS 1.13)
  message(FATAL_ERROR "libtorch 1.13 or newer is needed, found ${COURSE_TORCH_VERSION} in ${Torch_DIR}.")
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

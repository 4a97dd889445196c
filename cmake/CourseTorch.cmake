# Finds libtorch: the user's own first (Torch_DIR, CMAKE_PREFIX_PATH), then the one inside a Python torch
# (COURSE_TORCH_FROM_PYTHON), then the distribution's. Says which one won and what is in it. Each of the three may be a
# variable of CMake or of the environment; where none is given any more, what was found before stays.

set(COURSE_TORCH_FROM_PYTHON "$ENV{COURSE_TORCH_FROM_PYTHON}" CACHE STRING "A Python interpreter whose torch package is to be used")

# Is there a TorchConfig.cmake under this prefix? (zip: share/cmake/Torch; pip: the prefix is share/cmake itself)
function(_course_torch_below prefix result)
  file(GLOB found ${prefix}/share/cmake/Torch/TorchConfig.cmake ${prefix}/Torch/TorchConfig.cmake
    ${prefix}/lib/cmake/Torch/TorchConfig.cmake ${prefix}/lib/*/cmake/Torch/TorchConfig.cmake)
  if(found)
    list(GET found 0 found)
    cmake_path(GET found PARENT_PATH found)
  endif()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

function(_course_torch_of_python python result)
  execute_process(
    COMMAND ${python} -c "import sys, torch; print(torch.utils.cmake_prefix_path, sys.prefix, sep=chr(59))"
    OUTPUT_VARIABLE prefixes ERROR_VARIABLE error OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    if(NOT error)
      set(error "${status}")
    endif()
    string(REGEX REPLACE ".*\n" "" error "${error}")  # the last line
    message(FATAL_ERROR "COURSE_TORCH_FROM_PYTHON=${python} does not import torch: ${error}. Name an interpreter that has "
      "it, or leave the option out and the distribution's libtorch is used.")
  endif()
  # Wheels have it inside the package; conda may have it beside its other libraries.
  list(POP_FRONT prefixes prefix)
  _course_torch_below(${prefix} found)
  if(NOT found AND EXISTS ${prefixes}/conda-meta)
    _course_torch_below(${prefixes} found)
  endif()
  if(NOT found)
    message(FATAL_ERROR "The torch of ${python} brings no CMake files "
      "(looked for ${prefix}/Torch/TorchConfig.cmake). A distribution's python3-torch is made so: "
      "leave the option out and the distribution's libtorch is used.")
  endif()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

if(COURSE_TORCH_ORIGIN_CACHED AND NOT COURSE_TORCH_DIR)  # a build folder of version 0.1
  set(COURSE_TORCH_DIR "${Torch_DIR}")
  set(COURSE_TORCH_ORIGIN "${COURSE_TORCH_ORIGIN_CACHED}" CACHE INTERNAL "How libtorch was named")
  unset(COURSE_TORCH_ORIGIN_CACHED CACHE)
endif()

# What is asked for now: its folder, and how it was named.
set(_asked "")
if(Torch_DIR AND NOT Torch_DIR STREQUAL "${COURSE_TORCH_DIR}")
  set(_asked ${Torch_DIR})
elseif(NOT "$ENV{Torch_DIR}" STREQUAL "")
  set(_asked $ENV{Torch_DIR})
endif()
set(_origin "Torch_DIR")
if(_asked AND NOT EXISTS ${_asked}/TorchConfig.cmake)
  message(FATAL_ERROR "Torch_DIR is ${_asked}, but there is no TorchConfig.cmake in it; name the folder that has it, "
    "share/cmake/Torch of a libtorch.")
endif()
string(REPLACE ":" ";" _prefixes "$ENV{CMAKE_PREFIX_PATH}")
list(PREPEND _prefixes ${CMAKE_PREFIX_PATH})
foreach(prefix IN LISTS _prefixes)
  if(NOT _asked)
    _course_torch_below(${prefix} _asked)
    set(_origin "CMAKE_PREFIX_PATH")
  endif()
endforeach()
if(NOT _asked AND COURSE_TORCH_FROM_PYTHON)
  _course_torch_of_python(${COURSE_TORCH_FROM_PYTHON} _asked)
  set(_origin "the torch of ${COURSE_TORCH_FROM_PYTHON}")
endif()
if(NOT _asked AND NOT COURSE_TORCH_DIR)
  set(_origin "the distribution")
  if(_prefixes)
    string(APPEND _origin ", as there is none in CMAKE_PREFIX_PATH (no share/cmake/Torch/TorchConfig.cmake below ${_prefixes})")
  endif()
endif()

# Another one than before: what CMake remembers of that goes.
if(_asked AND NOT _asked STREQUAL "${COURSE_TORCH_DIR}" AND COURSE_TORCH_DIR)
  foreach(name IN ITEMS Caffe2_DIR TORCH_LIBRARY C10_LIBRARY c10_LIBRARY TORCH_CPU_LIBRARY TORCH_CUDA_LIBRARY C10_CUDA_LIBRARY c10_cuda_LIBRARY
      COURSE_TORCH_DIR COURSE_TORCH_ORIGIN)
    unset(${name} CACHE)
  endforeach()
endif()
if(_asked)
  set(Torch_DIR ${_asked} CACHE PATH "The CMake files of libtorch" FORCE)
endif()
if(_asked OR NOT COURSE_TORCH_ORIGIN)
  set(COURSE_TORCH_ORIGIN "${_origin}" CACHE INTERNAL "How libtorch was named")
endif()

# Its CMake file looks for more CMake files and for libraries, in the system's folders first: here its own come first.
set(_kept_prefixes "${CMAKE_PREFIX_PATH}")
set(_torch_prefix "")
if(Torch_DIR AND NOT COURSE_TORCH_ORIGIN MATCHES "^the distribution")
  cmake_path(ABSOLUTE_PATH Torch_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE _torch_prefix)
  string(REGEX REPLACE "/(share|lib|lib/[^/]+)/cmake/Torch/?$" "" _torch_prefix "${_torch_prefix}")
  list(PREPEND CMAKE_PREFIX_PATH ${_torch_prefix})
  if(EXISTS ${Torch_DIR}/../Caffe2)
    set(Caffe2_DIR ${Torch_DIR}/../Caffe2 CACHE PATH "A part of libtorch's CMake files" FORCE)
  endif()
endif()

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
set(CMAKE_PREFIX_PATH "${_kept_prefixes}")
if(NOT Torch_FOUND AND EXISTS "${Torch_DIR}/TorchConfig.cmake")
  message(FATAL_ERROR "The CMake files of the libtorch in ${Torch_DIR} do not work: it was copied in part, or is damaged. "
    "Unpack or install it again.")
endif()
if(NOT Torch_FOUND)
  message(FATAL_ERROR "libtorch was not found. On Debian and Ubuntu: apt-get install libtorch-dev "
    "(./course run does it). Elsewhere unpack libtorch from pytorch.org and give "
    "-DCMAKE_PREFIX_PATH=/path/to/libtorch, or take the one inside a Python torch: "
    "-DCOURSE_TORCH_FROM_PYTHON=python3.")
endif()

set(COURSE_TORCH_DIR "${Torch_DIR}" CACHE INTERNAL "The libtorch that was found")

# A libtorch of two halves would compile, and not link.
foreach(library IN ITEMS torch torch_cpu c10)
  if(_torch_prefix AND TARGET ${library})
    foreach(property IN ITEMS IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE)
      get_target_property(_file ${library} ${property})
      if(_file)
        # As both are written, or as they are behind links: conda links its libraries into the package.
        file(REAL_PATH ${_file} _real_file)
        file(REAL_PATH ${_torch_prefix} _real_prefix)
        cmake_path(IS_PREFIX _torch_prefix ${_file} NORMALIZE _is_its_own)
        cmake_path(IS_PREFIX _real_prefix ${_real_file} _is_behind_a_link)
        if(NOT _is_its_own AND NOT _is_behind_a_link)
          message(FATAL_ERROR "The libtorch in ${_torch_prefix} would be linked with ${_file}, which is another one's. Is it "
            "complete (share/cmake/Caffe2, lib/)? Unpack it again, or remove the other one (apt-get remove libtorch-dev).")
        endif()
      endif()
    endforeach()
  endif()
endforeach()

include(TorchVersion)

set(COURSE_TORCH_VERSION "${Torch_VERSION}")
torch_version("${TORCH_INCLUDE_DIRS}" COURSE_TORCH_VERSION)
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
if(COURSE_TORCH_ORIGIN MATCHES "^the distribution" AND _alternative)
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

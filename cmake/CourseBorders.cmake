# A libtorch may bring more than itself: headers of {fmt}, and functions of the C++ library that it was built with. Here
# both are kept out of our way, and it is tried whether they are.
#
# COURSE_FMT_FIRST   a folder that is searched before libtorch's headers; empty where that is not needed
# COURSE_LINK_FIRST  options for the link line of whoever uses our targets

# libtorch's include folder has a fmt/ of its own since 2.8 or so. Debian's spdlog needs the system's, which comes last in
# every search: so a folder with nothing but that one comes first. A spdlog with a {fmt} inside it needs no help.
set(COURSE_FMT_FIRST "")
set(_torch_fmt "")
foreach(folder IN LISTS TORCH_INCLUDE_DIRS)
  if(EXISTS ${folder}/fmt/format.h)
    set(_torch_fmt ${folder}/fmt)
  endif()
endforeach()
if(_torch_fmt AND TARGET fmt::fmt)
  get_target_property(_fmt_folders fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
  foreach(folder IN LISTS _fmt_folders)
    if(EXISTS ${folder}/fmt/format.h AND NOT folder IN_LIST TORCH_INCLUDE_DIRS)
      set(COURSE_FMT_FIRST ${PROJECT_BINARY_DIR}/before_torch)
      file(MAKE_DIRECTORY ${COURSE_FMT_FIRST})
      file(CREATE_LINK ${folder}/fmt ${COURSE_FMT_FIRST}/fmt SYMBOLIC)
      set(_our_fmt ${folder}/fmt)
      break()
    endif()
  endforeach()
  if(COURSE_FMT_FIRST AND NOT COURSE_FMT_TRIED STREQUAL "${_our_fmt} before ${_torch_fmt}")
    list(TRANSFORM TORCH_INCLUDE_DIRS PREPEND "-isystem" OUTPUT_VARIABLE _torch_folders)
    file(WRITE ${PROJECT_BINARY_DIR}/CMakeFiles/fmt.cpp
      "#include <spdlog/fmt/fmt.h>\nint main() { return fmt::format(\"{} is {:.1f}\", \"half\", 0.5) == \"half is 0.5\" ? 0 : 1; }\n")
    unset(_fmt_works CACHE)
    try_compile(_fmt_works ${PROJECT_BINARY_DIR}/CMakeFiles/fmt ${PROJECT_BINARY_DIR}/CMakeFiles/fmt.cpp
      COMPILE_DEFINITIONS "-isystem${COURSE_FMT_FIRST}" ${_torch_folders}
      LINK_LIBRARIES spdlog::spdlog CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON OUTPUT_VARIABLE _why)
    if(NOT _fmt_works)
      message(FATAL_ERROR "This libtorch has headers of {fmt} in ${_torch_fmt}, and they got between spdlog and its own in "
        "${_our_fmt}. Let spdlog and fmt be of one distribution (on Debian: apt-get install libspdlog-dev libfmt-dev), or "
        "move ${_torch_fmt} away: libtorch's headers that this project uses do not need it.\n${_why}")
    endif()
    set(COURSE_FMT_TRIED "${_our_fmt} before ${_torch_fmt}" CACHE INTERNAL "That {fmt} was tried with these folders")
  endif()
endif()

# Some builds of libtorch export functions of the C++ library that they carry, std::filesystem::remove_all among them, which
# does not work for others. A program takes a function from the first library that has it: so the system's C++ library
# comes first, and libtorch_cuda behind it, which a linker would drop (--as-needed) from a program that names nothing of it;
# torch::cuda::is_available() is then false on a machine with a GPU.
set(COURSE_LINK_FIRST "")
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(COURSE_LINK_FIRST "LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state")
  if(COURSE_TORCH_CUDA)
    list(APPEND COURSE_LINK_FIRST "LINKER:--push-state,--no-as-needed,$<TARGET_FILE:torch_cuda>,--pop-state")
  endif()
endif()

# Does it help? Asked once for each libtorch and compiler.
set(_asked "${CMAKE_CXX_COMPILER} with ${Torch_DIR}")
if(COURSE_LINK_FIRST AND NOT CMAKE_CROSSCOMPILING AND NOT COURSE_REMOVE_ALL_TRIED STREQUAL _asked)
  set(_files "")
  foreach(name IN ITEMS torch torch_cpu c10)
    if(TARGET ${name})
      foreach(property IN ITEMS IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE)
        get_target_property(_file ${name} ${property})
        if(_file AND EXISTS ${_file})
          list(APPEND _files ${_file})
          break()
        endif()
      endforeach()
    endif()
  endforeach()
  set(_tried ${PROJECT_BINARY_DIR}/CMakeFiles/remove_all)
  file(MAKE_DIRECTORY ${_tried}/tree)
  file(WRITE ${_tried}/tree/file "")
  file(WRITE ${_tried}/main.cpp
    "#include <filesystem>\nint main(int, char** words) { return std::filesystem::remove_all(words[1]) == 2 ? 0 : 1; }\n")
  unset(_ran CACHE)
  unset(_built CACHE)
  try_run(_ran _built ${_tried}/build ${_tried}/main.cpp
    LINK_OPTIONS "-Wl,--push-state,--no-as-needed,-lstdc++,--pop-state"
    LINK_LIBRARIES "-Wl,--no-as-needed" ${_files} CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    ARGS ${_tried}/tree COMPILE_OUTPUT_VARIABLE _why RUN_OUTPUT_VARIABLE _said)
  if(NOT _built)
    string(REGEX MATCH "[^\n]*error: [^\n]*|[^\n]*file too short[^\n]*|[^\n]*missing and no known rule[^\n]*" _reason "${_why}")
    message(FATAL_ERROR "A program of one line does not link with the libtorch in ${Torch_DIR}: ${_reason}. If one of its files "
      "is missing or cut off, unpack it again.")
  endif()
  if(NOT _ran EQUAL 0)
    message(WARNING "A program that is linked with this libtorch (${Torch_DIR}) crashes in std::filesystem::remove_all "
      "(${_ran}): libtorch brings that function, and here the system's does not come first. This project does not call it, "
      "but a program of yours may. Use a compiler whose programs load libstdc++.so.6 "
      "(-DCMAKE_CXX_COMPILER=/usr/bin/g++), or start programs with LD_PRELOAD=libstdc++.so.6.")
  else()
    set(COURSE_REMOVE_ALL_TRIED "${_asked}" CACHE INTERNAL "That remove_all works with this compiler and libtorch")
  endif()
endif()

# The headers as others see them: one folder, lit/, with the trainer library's as they are; and lit/course/ with those of
# the folders that it is made of. So no error.h and no serialize/value.h of somebody else's meets one of ours. In
# lit/before_0_2 are the places that version 0.1 had, with a warning each; version 0.3 will not have it.

set(COURSE_PARTS compat data device plot serialize terminal)  # folders of common/ that common/lit is made of
set(COURSE_LOOSE error nearest printable utf8)                # and headers beside them

# course_public_headers(FOLDER): writes them below that folder, with their #include lines after the new places.
function(course_public_headers to)
  list(TRANSFORM COURSE_PARTS REPLACE "(.+)" "\\1/*.h" OUTPUT_VARIABLE globs)
  list(TRANSFORM COURSE_LOOSE APPEND ".h" OUTPUT_VARIABLE loose)
  list(APPEND globs ${loose} lit/*.h lit/*.def)
  list(TRANSFORM globs PREPEND ${PROJECT_SOURCE_DIR}/common/)
  file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR}/common CONFIGURE_DEPENDS ${globs})
  list(FILTER headers EXCLUDE REGEX "^(config|run|exercise|device/before_main)/|^plot/png")
  list(JOIN COURSE_PARTS "|" parts)
  list(JOIN COURSE_LOOSE "|" loose)
  foreach(header IN LISTS headers)
    file(READ ${PROJECT_SOURCE_DIR}/common/${header} text)
    if(text MATCHES "#include <(spdlog|fmt|nlohmann|toml)")
      continue()  # for our own sources alone
    endif()
    string(REGEX REPLACE "#include \"(${parts})/" "#include \"lit/course/\\1/" text "${text}")
    string(REGEX REPLACE "#include \"(\\.\\./)?(${loose})\\.h\"" "#include \"lit/course/\\2.h\"" text "${text}")
    if(header MATCHES "^lit/")
      _course_write(${to}/${header} "${text}")
    else()
      _course_write(${to}/lit/course/${header} "${text}")
    endif()
    if(header MATCHES "^(${parts})/")
      _course_write(${to}/lit/before_0_2/${header}
        "#pragma once\n#warning \"${header} is lit/course/${header} now, and what programs need of it is in lit/names.h\"\n#include \"lit/course/${header}\"\n")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/${header})
  endforeach()
endfunction()

# Unless it is there already, so that nothing is compiled again.
function(_course_write file text)
  set(before "")
  if(EXISTS ${file})
    file(READ ${file} before)
  endif()
  if(NOT before STREQUAL text)
    file(WRITE ${file} "${text}")
  endif()
endfunction()

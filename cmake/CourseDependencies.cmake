# The other parts, libtorch aside: the system's first, else fetched at a pinned commit.

include(FetchContent)
set(FETCHCONTENT_QUIET ON)

find_package(ZLIB REQUIRED)

# spdlog brings {fmt}, the formatting of std::format on compilers that do not have it yet.
find_package(spdlog QUIET)
if(NOT spdlog_FOUND)
  set(SPDLOG_INSTALL ON)  # beside the trainer library, which names it
  FetchContent_Declare(spdlog
    GIT_REPOSITORY https://github.com/gabime/spdlog
    GIT_TAG 7c02e204c92545f869e2f04edaab1f19fe8b19fd)  # v1.13.0
  FetchContent_MakeAvailable(spdlog)
endif()

find_package(nlohmann_json QUIET)
if(NOT nlohmann_json_FOUND)
  FetchContent_Declare(nlohmann_json
    GIT_REPOSITORY https://github.com/nlohmann/json
    GIT_TAG 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03)  # v3.11.3
  FetchContent_MakeAvailable(nlohmann_json)
endif()

# For PNG files: one header.
find_path(STB_INCLUDE_DIR stb_image_write.h PATH_SUFFIXES stb)
if(NOT STB_INCLUDE_DIR)
  FetchContent_Declare(stb
    GIT_REPOSITORY https://github.com/nothings/stb
    GIT_TAG 31c1ad37456438565541f4919958214b6e762fb4)
  FetchContent_MakeAvailable(stb)
  set(STB_INCLUDE_DIR ${stb_SOURCE_DIR})
endif()

if(NOT LIT_BUILD_COURSE AND NOT LIT_BUILD_TESTS)
  return()  # the rest is for lessons and tests
endif()

find_package(cxxopts QUIET)
if(NOT cxxopts_FOUND)
  FetchContent_Declare(cxxopts
    GIT_REPOSITORY https://github.com/jarro2783/cxxopts
    GIT_TAG 4bf61f08697b110d9e3991864650a405b3dd515d)  # v3.2.1
  FetchContent_MakeAvailable(cxxopts)
endif()

find_package(tomlplusplus QUIET)
if(NOT tomlplusplus_FOUND)
  FetchContent_Declare(tomlplusplus
    GIT_REPOSITORY https://github.com/marzer/tomlplusplus
    GIT_TAG 30172438cee64926dc41fdd9c11fb3ba5b2ba9de)  # v3.4.0
  FetchContent_MakeAvailable(tomlplusplus)
endif()

if(BUILD_TESTING OR LIT_BUILD_TESTS)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    set(INSTALL_GTEST OFF)
    FetchContent_Declare(googletest
      GIT_REPOSITORY https://github.com/google/googletest
      GIT_TAG 6910c9d9165801d8827d628cb72eb7ea9dd538c5)  # v1.16.0
    FetchContent_MakeAvailable(googletest)
  endif()
  find_package(Python3 3.11 COMPONENTS Interpreter REQUIRED)
endif()

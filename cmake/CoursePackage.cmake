# cmake --install: the trainer library with its headers, as the package LitTorch with the target lit::lit.

if(NOT spdlog_FOUND)
  return()  # a fetched one is a part of this build, and no package that an installed library could name
endif()
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(_libraries data device plot serialize terminal)
set_target_properties(course_lit PROPERTIES EXPORT_NAME lit OUTPUT_NAME lit)
foreach(name IN ITEMS base format ${_libraries})
  set_target_properties(course_${name} PROPERTIES EXPORT_NAME ${name})
endforeach()
list(TRANSFORM _libraries PREPEND course_ OUTPUT_VARIABLE _targets)
install(TARGETS course_lit course_base course_format ${_targets} EXPORT LitTorchTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/LitTorch COMPONENT LitTorch)
install(EXPORT LitTorchTargets NAMESPACE lit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/LitTorch COMPONENT LitTorch)

set(_headers ${CMAKE_INSTALL_INCLUDEDIR}/LitTorch)
install(FILES common/error.h common/nearest.h common/printable.h common/utf8.h DESTINATION ${_headers} COMPONENT LitTorch)
install(DIRECTORY common/lit common/compat common/data common/device common/plot common/serialize common/terminal
  DESTINATION ${_headers} COMPONENT LitTorch
  FILES_MATCHING PATTERN "*.h" PATTERN sample EXCLUDE PATTERN before_main EXCLUDE)

set(_generated ${PROJECT_BINARY_DIR}/LitTorch)
configure_package_config_file(cmake/LitTorchConfig.cmake.in ${_generated}/LitTorchConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/LitTorch)
write_basic_package_version_file(${_generated}/LitTorchConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${_generated}/LitTorchConfig.cmake ${_generated}/LitTorchConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/LitTorch COMPONENT LitTorch)

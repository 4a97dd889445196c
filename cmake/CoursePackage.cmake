# cmake --install: the trainer library with its headers, as the package LitTorch with the target lit::lit.

include(CMakePackageConfigHelpers)
include(CoursePublicHeaders)
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

set(_generated ${PROJECT_BINARY_DIR}/LitTorch)
course_public_headers(${_generated}/include)
install(DIRECTORY ${_generated}/include/lit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT LitTorch)
configure_package_config_file(cmake/LitTorchConfig.cmake.in ${_generated}/LitTorchConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/LitTorch)
write_basic_package_version_file(${_generated}/LitTorchConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${_generated}/LitTorchConfig.cmake ${_generated}/LitTorchConfigVersion.cmake cmake/TorchVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/LitTorch COMPONENT LitTorch)

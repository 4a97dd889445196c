# The CMake file of a libtorch that is not there: PREFIX/include has its headers, PREFIX/lib its libraries, if any. In the
# form of a wheel of 2.11: no Torch_VERSION, the version in a header. tools/syntax_check and the tests of the build copy it
# to PREFIX/share/cmake/Torch.
get_filename_component(_prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
set(TORCH_INCLUDE_DIRS ${_prefix}/include ${_prefix}/include/torch/csrc/api/include)
set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1")
foreach(name IN ITEMS c10 torch_cpu torch_cuda torch)
  if(NOT name STREQUAL "torch_cuda" OR EXISTS ${_prefix}/include/cuda_runtime_api.h)
    add_library(${name} SHARED IMPORTED)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${_prefix}/lib/lib${name}.so)
  endif()
endforeach()
set_target_properties(torch PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${TORCH_INCLUDE_DIRS}")
set(TORCH_LIBRARIES torch torch_cpu c10)
set(Torch_FOUND TRUE)

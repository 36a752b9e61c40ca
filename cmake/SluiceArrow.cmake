# Arrow C++, for libsluice_parquet.so alone: an installed one, else the one in the wheel that ./dev setup fetches
# (tools/arrow.txt) into a cache outside of the build. Without either, all else is built.
#
# Sets SLUICE_ARROW (whether there is one), the target sluice_arrow, SLUICE_ARROW_LIBRARIES_DIR, and of a wheel
# SLUICE_ARROW_FILES and SLUICE_ARROW_LICENSES, which are installed beside ours. SLUICE_PYTHON_PATH: where the tests'
# Python finds pyarrow and other readers of Parquet, of the same cache.
option(SLUICE_PARQUET "Build libsluice_parquet.so where Arrow C++ is there" ON)
if(DEFINED ENV{XDG_CACHE_HOME})
  set(sluice_cache "$ENV{XDG_CACHE_HOME}/sluice")
else()
  set(sluice_cache "$ENV{HOME}/.cache/sluice")
endif()

# sluice_cached(variable list): the folder into which ./dev puts the packages of tools/<list>.txt; empty when it did not.
function(sluice_cached variable list)
  set(file "${CMAKE_SOURCE_DIR}/tools/${list}.txt")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(SHA256 "${file}" sum)
  string(SUBSTRING "${sum}" 0 16 key)
  set(${variable} "" PARENT_SCOPE)
  if(EXISTS "${sluice_cache}/${list}-${key}")
    set(${variable} "${sluice_cache}/${list}-${key}" PARENT_SCOPE)
  endif()
endfunction()

set(SLUICE_ARROW OFF)
set(SLUICE_PYTHON_PATH "")
if(NOT SLUICE_PARQUET OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The clang presets are for checks, and clang 14 is older than what Arrow's headers ask for.
  message(STATUS "Parquet: left out of this build")
  return()
endif()

sluice_cached(wheel arrow)
sluice_cached(readers parquet_readers)
set(SLUICE_PYTHON_PATH "${wheel}:${readers}")
find_package(Parquet CONFIG QUIET)
if(Parquet_FOUND)
  message(STATUS "Parquet: Arrow ${Arrow_VERSION}, installed")
  add_library(sluice_arrow INTERFACE)
  target_link_libraries(sluice_arrow INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
  set(SLUICE_ARROW ON)
elseif(wheel)
  file(GLOB SLUICE_ARROW_FILES "${wheel}/pyarrow/libarrow.so.*" "${wheel}/pyarrow/libparquet.so.*")
  file(GLOB SLUICE_ARROW_LICENSES "${wheel}/pyarrow-*.dist-info/licenses/*.txt")
  set(SLUICE_ARROW_LIBRARIES_DIR "${wheel}/pyarrow")
  message(STATUS "Parquet: Arrow of the wheel in ${wheel}")
  add_library(sluice_arrow INTERFACE)
  target_include_directories(sluice_arrow SYSTEM INTERFACE "${wheel}/pyarrow/include")
  target_link_libraries(sluice_arrow INTERFACE ${SLUICE_ARROW_FILES})
  set(SLUICE_ARROW ON)
else()
  message(STATUS "Parquet: left out, there is no Arrow C++ (./dev setup fetches it)")
endif()

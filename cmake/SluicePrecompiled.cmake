# Headers that nearly every file reads, compiled once: half of a file's compile time was spent on them.
#
# Only the headers of libraries, so that no change of our own compiles them anew. A file still includes what it
# uses: clang-tidy (./dev lint) and the clang presets compile without this. What stands here must come from
# libraries that `base` has, because g++ takes a precompiled header only where every macro of it is the same.

set(sluice_common_headers
  <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <condition_variable> <cstdint> <cstring> <filesystem>
  <functional> <iterator> <limits> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view>
  <thread> <tuple> <unordered_map> <unordered_set> <utility> <variant> <vector>
  <fmt/format.h> <boost/json.hpp> <boost/system/result.hpp>)

# clang 14 would read g++'s precompiled headers with other tools of its own, and its presets are for checks.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

# sluice_precompiled_set(name LIBS ... HEADERS ...): a set of headers that targets reuse.
function(sluice_precompiled_set name)
  cmake_parse_arguments(SET "" "" "LIBS;HEADERS" ${ARGN})
  set(source "${CMAKE_BINARY_DIR}/${name}.cc")
  file(WRITE "${source}.new" "// Nothing: a target needs a source.\n")
  file(COPY_FILE "${source}.new" "${source}" ONLY_IF_DIFFERENT)
  add_library(${name} OBJECT "${source}")
  target_link_libraries(${name} PRIVATE sluice_options ${SET_LIBS})
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${name} PRIVATE ${SET_HEADERS})
endfunction()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(sluice_precompiled_options
    -fpch-preprocess -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# sluice_precompile(target set): the target reads the set's headers precompiled.
function(sluice_precompile target set)
  target_precompile_headers(${target} REUSE_FROM ${set})
  # -fpch-preprocess: for ccache, as its manual says; without it a file that reads a precompiled header is compiled
  # each time. The warnings are g++ 12's guesses about inlined strings (its bug 105651): it keeps them to itself for
  # system headers, but not for precompiled ones. What they look for, the address sanitizer finds.
  target_compile_options(${target} PRIVATE ${sluice_precompiled_options})
endfunction()

set(sluice_base_libraries Boost::headers Boost::json Boost::system fmt::fmt spdlog::spdlog Threads::Threads)
sluice_precompiled_set(sluice_headers LIBS ${sluice_base_libraries} HEADERS ${sluice_common_headers})

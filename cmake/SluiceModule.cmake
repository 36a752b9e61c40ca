# sluice_module(name SOURCES ... DEPS ... [LIBS ...]): the static library of src/<name>, as "base" or "bulk/load".
#
# Each module has an include root of its own (build/include/bulk_load/bulk/load -> src/bulk/load), so a file
# can include only what its module's DEPS name: a layer that reaches upwards does not compile. So a folder is a
# module or holds modules, never both. tests/tidy reads the same DEPS.

add_library(sluice_options INTERFACE)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
target_compile_definitions(sluice_options INTERFACE
  SLUICE_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED)
if(SLUICE_SANITIZE)
  # g++ sees values that are not set in code that it instruments, as its manual says.
  target_compile_options(sluice_options INTERFACE
    -fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -g -Wno-maybe-uninitialized)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  # clang 14 puts the mark of -fsanitize=function where a coroutine's parts cannot reach it.
  target_compile_options(sluice_options INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function -g)
  target_link_options(sluice_options INTERFACE -fsanitize=address,undefined)
endif()

# The target of a module: sluice_bulk_load of "bulk/load".
function(sluice_library variable module)
  string(REPLACE "/" "_" target "sluice_${module}")
  set(${variable} "${target}" PARENT_SCOPE)
endfunction()

# sluice_link(target scope module ...): links modules.
function(sluice_link target scope)
  foreach(module IN LISTS ARGN)
    sluice_library(library "${module}")
    target_link_libraries(${target} ${scope} "${library}")
  endforeach()
endfunction()

function(sluice_module name)
  cmake_parse_arguments(MODULE "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  sluice_library(target "${name}")
  string(REPLACE "/" "_" folder "${name}")
  set(root "${CMAKE_BINARY_DIR}/include/${folder}")
  cmake_path(GET name PARENT_PATH parent)
  file(MAKE_DIRECTORY "${root}/${parent}")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/src/${name}" "${root}/${name}" SYMBOLIC)
  add_library(${target} STATIC ${MODULE_SOURCES})
  target_include_directories(${target} PUBLIC "${root}")
  target_link_libraries(${target} PUBLIC sluice_options)
  sluice_link(${target} PUBLIC ${MODULE_DEPS})
  if(MODULE_LIBS)
    target_link_libraries(${target} PUBLIC ${MODULE_LIBS})
  endif()
  sluice_precompile(${target} sluice_headers)
endfunction()

# sluice_test(name [SHARED] SOURCES ... DEPS ...): a GoogleTest program registered with ctest. SHARED: it
# runs once more on the data that SLUICE_SHARED names, when it names any.
function(sluice_test name)
  cmake_parse_arguments(TEST "SHARED" "TIMEOUT" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  sluice_precompile(${name} sluice_test_headers)
  target_compile_options(${name} PRIVATE ${SLUICE_TEST_OPTIONS})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/support")
  sluice_link(${name} PRIVATE ${TEST_DEPS})
  target_link_libraries(${name} PRIVATE ${TEST_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 600)
  endif()
  if(SLUICE_SANITIZE)  # about ten times slower
    math(EXPR TEST_TIMEOUT "${TEST_TIMEOUT} * 10")
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT})
  if(TEST_SHARED AND SLUICE_SHARED)
    add_test(NAME shared_${name} COMMAND ${name})
    set_tests_properties(shared_${name} PROPERTIES
      TIMEOUT ${TEST_TIMEOUT} LABELS shared ENVIRONMENT "SLUICE_SHARED=${SLUICE_SHARED}")
  endif()
endfunction()

# sluice_fuzz(name_fuzz DEPS ...): a libFuzzer target in the fuzz preset; elsewhere a test that gives it its corpus.
function(sluice_fuzz name)
  cmake_parse_arguments(FUZZ "" "" "DEPS" ${ARGN})
  add_executable(${name} ${name}.cc)
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/support")
  sluice_link(${name} PRIVATE ${FUZZ_DEPS})
  if(SLUICE_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/support/run_corpus.cc")
  sluice_precompile(${name} sluice_headers)
  string(REGEX REPLACE "_fuzz$" "" corpus "${name}")
  add_test(NAME ${name} COMMAND ${name} "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${corpus}")
  set_tests_properties(${name} PROPERTIES TIMEOUT 60)
endfunction()

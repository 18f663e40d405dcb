# croupier_add_room(NAME SOURCES … [TESTS …] [BENCHMARKS …] [DEPENDS room …] [LIBRARIES target …])
#
# A room is a static library `croupier_<room>` of src/croupier/<room>. TESTS become one GoogleTest
# executable `croupier_<room>_tests`, BENCHMARKS one Google Benchmark executable
# `croupier_<room>_benchmarks`. DEPENDS names rooms to the left; tools/check_layers.py checks the includes.
include_guard(GLOBAL)

set(CROUPIER_WARNINGS "" CACHE STRING "Warning flags for our own sources")

function(croupier_target_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE ${CROUPIER_WARNINGS})
endfunction()

function(croupier_add_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "SOURCES;TESTS;BENCHMARKS;DEPENDS;LIBRARIES")
  if(ROOM_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "croupier_add_room(${name}): unknown arguments ${ROOM_UNPARSED_ARGUMENTS}")
  endif()
  set(target croupier_${name})
  add_library(${target} STATIC ${ROOM_SOURCES})
  croupier_target_options(${target})
  target_include_directories(
    ${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                     $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>)
  list(TRANSFORM ROOM_DEPENDS PREPEND croupier_)
  target_link_libraries(${target} PUBLIC ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Arrow::arrow_shared)
  set_property(GLOBAL APPEND PROPERTY CROUPIER_ROOMS ${target})

  if(CROUPIER_BUILD_TESTS AND ROOM_TESTS)
    add_executable(${target}_tests ${ROOM_TESTS})
    croupier_target_options(${target}_tests)
    target_link_libraries(${target}_tests PRIVATE ${target} croupier_testing GTest::gtest_main)
    gtest_discover_tests(${target}_tests TEST_PREFIX "${name}." PROPERTIES LABELS unit TIMEOUT 120 DISCOVERY_TIMEOUT 60)
  endif()
  if(CROUPIER_BUILD_BENCHMARKS AND ROOM_BENCHMARKS)
    add_executable(${target}_benchmarks ${ROOM_BENCHMARKS})
    croupier_target_options(${target}_benchmarks)
    target_link_libraries(${target}_benchmarks PRIVATE ${target} benchmark::benchmark_main)
  endif()
endfunction()

# croupier_add_fuzzer(PARSER SOURCES … DEPENDS room …): a libFuzzer target croupier_fuzz_<parser> (clang only).
function(croupier_add_fuzzer parser)
  cmake_parse_arguments(PARSE_ARGV 1 FUZZ "" "" "SOURCES;DEPENDS")
  set(target croupier_fuzz_${parser})
  add_executable(${target} ${FUZZ_SOURCES})
  croupier_target_options(${target})
  list(TRANSFORM FUZZ_DEPENDS PREPEND croupier_)
  target_link_libraries(${target} PRIVATE ${FUZZ_DEPENDS})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
endfunction()

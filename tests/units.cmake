# Tests without servers: seconds each.

find_package(GTest REQUIRED)
include(GoogleTest)

# Random histories of the processors against an oracle. All of them are told by the optimised build of the
# program, a third by that with ASan.
if(NOT SUJIP_SANITIZE MATCHES thread)
  add_executable(history_tests histories/processors_history_test.cc)
  target_link_libraries(history_tests PRIVATE sujip_processors GTest::gmock GTest::gtest_main)
  gtest_discover_tests(history_tests PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
endif()
if(NOT SUJIP_UNIT_TESTS)
  return()
endif()

# Where threads of ours meet, without broker and database. Under TSan only these are built: in the others
# there is but one thread.
add_executable(thread_tests threads/event_hub_test.cc threads/http_client_test.cc)
target_link_libraries(thread_tests PRIVATE sujip_http GTest::gmock GTest::gtest_main)
gtest_discover_tests(thread_tests PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)

# One executable; a test file names the room it tests.
file(GLOB unit_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/*.cc)
if(unit_sources AND NOT SUJIP_SANITIZE MATCHES thread)
  add_executable(unit_tests ${unit_sources})
  set_target_properties(unit_tests PROPERTIES UNITY_BUILD_BATCH_SIZE 5)
  # Their names meet those of their neighbours.
  set_source_files_properties(unit/processors_fault_point_test.cc
    unit/processors_read_again_test.cc unit/processors_recall_test.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_precompile_headers(unit_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h> <fmt/format.h>
    <functional> <map> <memory> <optional> <random> <string> <vector>)
  target_compile_options(unit_tests PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_compile_definitions(unit_tests PRIVATE SUJIP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(unit_tests PRIVATE sujip_topics GTest::gmock GTest::gtest_main)
  find_library(RAPIDCHECK rapidcheck)
  if(RAPIDCHECK)
    target_link_libraries(unit_tests PRIVATE ${RAPIDCHECK})
  endif()
  foreach(room sujip_expressions sujip_normalize sujip_postgres sujip_http sujip_feeds sujip_engine
          sujip_processors sujip_sink_postgres sujip_monitoring sujip_producers sujip_archive sujip_cli)
    if(TARGET ${room})
      target_link_libraries(unit_tests PRIVATE ${room})
    endif()
  endforeach()
  gtest_discover_tests(unit_tests PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
endif()

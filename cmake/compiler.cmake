# One place for flags: every target of ours links sujip_flags.
add_library(sujip_flags INTERFACE)
target_include_directories(sujip_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(sujip_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Werror)
# Frame pointers cost next to nothing and make every profile readable.
target_compile_options(sujip_flags INTERFACE -fno-omit-frame-pointer)
# __int128 carries exact decimals and 128-bit sums; it is an extension to the standard.
target_compile_options(sujip_flags INTERFACE -Wno-pedantic)

if(SUJIP_SANITIZE)
  target_compile_options(sujip_flags INTERFACE -fsanitize=${SUJIP_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sujip_flags INTERFACE -fsanitize=${SUJIP_SANITIZE})
  # GCC: "-fsanitize may cause false positives" of this warning; the other builds keep it.
  target_compile_options(sujip_flags INTERFACE -Wno-maybe-uninitialized)
  # g++ 12 drops stores at -O1 with -fsanitize=thread when it follows memory across functions.
  target_compile_options(sujip_flags INTERFACE -fno-ipa-modref)
  if(SUJIP_SANITIZE MATCHES address)
    # UBSan without its pointer checks, which ASan covers and which double the time to compile.
    set(undefined_behaviour bool,bounds,builtin,enum,float-cast-overflow,integer-divide-by-zero,return,shift,signed-integer-overflow,unreachable,vla-bound)
    target_compile_options(sujip_flags INTERFACE -fsanitize=${undefined_behaviour})
    target_link_options(sujip_flags INTERFACE -fsanitize=undefined)
  endif()
  if(SUJIP_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio and shared_ptr use fences, which TSan does not follow: it may miss an order, and says so.
    target_compile_options(sujip_flags INTERFACE -Wno-tsan)
  endif()
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# One set of flags for both optimised builds, so that they share compiler cache entries; line tables
# are enough for profiles and keep links short.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
if(SUJIP_SANITIZE)
  # Compiled faster by more than it runs slower.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O0 -g1")
endif()
# g++ 12 sees overlapping copies in std::string that are not there (GCC bug 105329).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(sujip_flags INTERFACE -Wno-restrict)
endif()

find_program(SUJIP_CCACHE ccache)
if(SUJIP_CCACHE)
  # Relative paths in the cache: another checkout of the same sources finds them, too.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_NOHASHDIR=true CCACHE_SLOPPINESS=pch_defines,time_macros ${SUJIP_CCACHE})
endif()
find_program(SUJIP_MOLD mold)
if(SUJIP_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

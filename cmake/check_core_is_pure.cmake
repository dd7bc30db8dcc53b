# Fails when the core could do more than compute: cmake -DARCHIVE=... -DSOURCES=lib/core -DNM=... -P
# this. Run after each build of the archive.
#
# A symbol that the archive neither defines nor finds in this list is a dependency. Functions of
# the C library are named one by one; what the C++ library offers is allowed but for its doors to
# the world: clocks, files, streams, threads, randomness.
cmake_minimum_required(VERSION 3.18)

set(allowed
    "_Z(n[wa]|d[la]).*"  # operator new and delete
    "_Z[A-Z]*N[A-Z]*(St|Ss|Sa|9__gnu_cxx|10__cxxabiv1).*" "_Z[A-Z]*S[a-z].*"  # std::
    "__cxa_.*" "__gxx_personality_v0" "_Unwind_Resume" "__dso_handle" "_GLOBAL_OFFSET_TABLE_"
    "__stack_chk_(fail|guard)" "__gcov_.*"
    "__(asan|ubsan|tsan|lsan|sanitizer|sancov)_.*" "__start___sancov_.*" "__stop___sancov_.*"
    "mem(chr|cmp|cpy|move|set)" "__mem(cpy|move|set)_chk" "str(len|cmp|ncmp|chr)" "bcmp" "abort"
    "inet_pton" "inet_ntop" "strto(l|ul|ll|ull)" "__errno_location"
)
set(forbidden
    "_Z.*(6chrono|10filesystem|13random_device|6thread|14basic_[io]?fstream|basic_filebuf).*"
    "_Z.*(ios_base|basic_ostream|basic_istream|St4c(out|err|in|log)).*"
    "_ZN3fmt.*" "_ZN6spdlog.*"
)

# The last: a standard header.
set(allowed_headers "core/([a-z0-9_]+/)?[a-z0-9_]+\\.hpp|arpa/inet\\.h|[a-z_]+")
set(forbidden_headers "thread|mutex|future|condition_variable|fstream|iostream|filesystem|random|ctime")

string(REPLACE ";" "|" allowed "${allowed}")
string(REPLACE ";" "|" forbidden "${forbidden}")

# In whole lists at a time: one built line by line takes minutes for an instrumented archive.
execute_process(COMMAND ${NM} -g ${ARCHIVE} OUTPUT_VARIABLE listing RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} ${ARCHIVE} failed: ${failed}")
endif()
string(REGEX MATCHALL " [Uw] [^ \n]+" undefined "${listing}")
string(REGEX REPLACE " [Uw] " "" undefined "${undefined}")
string(REGEX MATCHALL "[0-9a-f] [A-Za-z] [^ \n]+" defined "${listing}")
string(REGEX REPLACE "[0-9a-f] [A-Za-z] " "" defined "${defined}")
if(NOT defined)
  message(FATAL_ERROR "${ARCHIVE} defines nothing that ${NM} could read")
endif()
list(REMOVE_DUPLICATES undefined)
list(REMOVE_ITEM undefined ${defined})

set(impure "")
foreach(symbol IN LISTS undefined)
  if(symbol MATCHES "^(${forbidden})$" OR NOT symbol MATCHES "^(${allowed})$")
    list(APPEND impure "it calls ${symbol}")
  endif()
endforeach()

# A header alone (a type of the system, an inline function) leaves no symbol.
file(GLOB_RECURSE sources ${SOURCES}/*.hpp ${SOURCES}/*.cpp)
foreach(source IN LISTS sources)
  file(STRINGS ${source} includes REGEX "^ *# *include")
  foreach(include IN LISTS includes)
    if(NOT include MATCHES "[<\"](${allowed_headers})[>\"]" OR
       include MATCHES "[<\"](${forbidden_headers})[>\"]")
      list(APPEND impure "${source} has ${include}")
    endif()
  endforeach()
endforeach()

if(impure)
  string(REPLACE ";" "\n  " impure "${impure}")
  message(FATAL_ERROR "lib/core must stay pure (no clock, system call or logger; docs/architecture.md):\n"
                      "  ${impure}\n"
                      "Pass the value in with an event, or do it in lib/io. A pure function of the "
                      "standard library can be added to ${CMAKE_CURRENT_LIST_FILE}.")
endif()

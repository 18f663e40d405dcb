# Provides Arrow::arrow_shared and ArrowCompute::arrow_compute_shared (and, where it is there,
# ArrowPython::arrow_python_shared) from an installed Arrow C++ package or, failing that, from the pyarrow wheel of an
# interpreter: of Python_EXECUTABLE where that is set.
#
# Sets CROUPIER_ARROW_VERSION (26.0.1), CROUPIER_ARROW_SOVERSION (2600) and CROUPIER_ARROW_KIND (package | wheel).
include_guard(GLOBAL)

set(CROUPIER_ARROW_SOURCE "auto" CACHE STRING "Where Arrow C++ comes from: auto | package | wheel")
set_property(CACHE CROUPIER_ARROW_SOURCE PROPERTY STRINGS auto package wheel)
set(CROUPIER_ARROW_MIN_VERSION 24.0)

if(NOT CROUPIER_ARROW_SOURCE MATCHES "^(auto|package|wheel)$")
  message(FATAL_ERROR "CROUPIER_ARROW_SOURCE is '${CROUPIER_ARROW_SOURCE}'; allowed: auto, package, wheel")
endif()

if(NOT CROUPIER_ARROW_SOURCE STREQUAL "wheel")
  find_package(Arrow ${CROUPIER_ARROW_MIN_VERSION} CONFIG QUIET)
  if(Arrow_FOUND)
    find_package(ArrowCompute CONFIG REQUIRED)
    set(CROUPIER_ARROW_KIND package)
    set(CROUPIER_ARROW_VERSION "${Arrow_VERSION}")
    set(CROUPIER_ARROW_SOVERSION "${ARROW_SO_VERSION}")
    message(STATUS "Arrow: package ${Arrow_VERSION} at ${Arrow_DIR}")
    return()
  elseif(CROUPIER_ARROW_SOURCE STREQUAL "package")
    message(FATAL_ERROR "No Arrow C++ package was found (CROUPIER_ARROW_SOURCE=package)")
  endif()
endif()

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c
          "import pyarrow as pa, os; print(os.path.dirname(pa.__file__)); print(pa.get_include()); print(pa.cpp_build_info.version); print(pa.cpp_build_info.so_version)"
  OUTPUT_VARIABLE _croupier_pyarrow
  RESULT_VARIABLE _croupier_status
  OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT _croupier_status EQUAL 0)
  message(FATAL_ERROR "No Arrow C++ package, and ${Python_EXECUTABLE} cannot import pyarrow. "
                      "Install pyarrow there, or name another interpreter with -DPython_EXECUTABLE=…")
endif()
string(REPLACE "\n" ";" _croupier_pyarrow "${_croupier_pyarrow}")
list(GET _croupier_pyarrow 0 CROUPIER_PYARROW_DIR)
list(GET _croupier_pyarrow 1 _croupier_arrow_include)
list(GET _croupier_pyarrow 2 CROUPIER_ARROW_VERSION)
list(GET _croupier_pyarrow 3 CROUPIER_ARROW_SOVERSION)
if(CROUPIER_ARROW_VERSION VERSION_LESS CROUPIER_ARROW_MIN_VERSION)
  message(FATAL_ERROR "pyarrow ${CROUPIER_ARROW_VERSION} is too old; ${CROUPIER_ARROW_MIN_VERSION} or newer is needed")
endif()
set(CROUPIER_ARROW_KIND wheel)

# Only libarrow_python has an unversioned name in the wheel, so every library is named in full.
function(_croupier_import_arrow target library)
  set(_file "${CROUPIER_PYARROW_DIR}/lib${library}.so.${CROUPIER_ARROW_SOVERSION}")
  if(EXISTS "${_file}")
    add_library(${target} SHARED IMPORTED GLOBAL)
    set_target_properties(
      ${target} PROPERTIES IMPORTED_LOCATION "${_file}" INTERFACE_INCLUDE_DIRECTORIES "${_croupier_arrow_include}"
                           INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_croupier_arrow_include}")
  endif()
endfunction()
_croupier_import_arrow(Arrow::arrow_shared arrow)
_croupier_import_arrow(ArrowCompute::arrow_compute_shared arrow_compute)
_croupier_import_arrow(ArrowPython::arrow_python_shared arrow_python)
foreach(_target Arrow::arrow_shared ArrowCompute::arrow_compute_shared)
  if(NOT TARGET ${_target})
    message(FATAL_ERROR "The pyarrow wheel at ${CROUPIER_PYARROW_DIR} has no library for ${_target}")
  endif()
endforeach()
target_link_libraries(ArrowCompute::arrow_compute_shared INTERFACE Arrow::arrow_shared)
message(STATUS "Arrow: pyarrow wheel ${CROUPIER_ARROW_VERSION} at ${CROUPIER_PYARROW_DIR}")

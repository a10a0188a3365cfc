# For a page: Debian's clang, its linker and the C and C++ libraries for wasm32-wasi, of which only
# memory and strings are used. native/tools/build_wasm.py calls it and names the packages.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

if(NOT CMAKE_CXX_COMPILER)
  set(CMAKE_CXX_COMPILER clang++-19)
endif()
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX .wasm)

set(CMAKE_CXX_FLAGS_INIT "-stdlib=libc++ -mbulk-memory")
# A reactor has no main.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-mexec-model=reactor -Wl,--strip-all,--gc-sections,-z,stack-size=65536")

# Linked without -O, which the flags of a build type would add: given one, clang has any wasm-opt that
# it finds make other bytes. Its --no-wasm-opt came with clang 18, and 19 then leaves out linking.
set(CMAKE_CXX_FLAGS_RELEASE -DNDEBUG CACHE STRING "")
add_compile_options(-O2)

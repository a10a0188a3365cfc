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
# A reactor has no main. Any wasm-opt that clang finds would make other bytes.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-mexec-model=reactor --no-wasm-opt -Wl,--strip-all,--gc-sections,-z,stack-size=65536")

// A C++ exception becomes an Error of the page: nothing in the kernels catches one, so what is
// thrown need not be unwound. The half-made object's memory is lost.
#include <cstdlib>
#include <exception>
#include <typeinfo>

// Throws an Error with that message, and so never returns.
extern "C" [[noreturn]] __attribute__((import_module("page"), import_name("fail"))) void page_fail(
    const char* message);

extern "C" void* __cxa_allocate_exception(size_t size) { return std::malloc(size); }

// All that is thrown derives from std::exception alone.
extern "C" [[noreturn]] void __cxa_throw(void* thrown, std::type_info*, void (*)(void*)) {
  page_fail(static_cast<const std::exception*>(thrown)->what());
}

// What the standard library says of out of memory and the like, without its printf.
#ifndef _LIBCPP_VERBOSE_ABORT_NOEXCEPT
#define _LIBCPP_VERBOSE_ABORT_NOEXCEPT  // not before libc++ 20
#endif
_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char* format, ...) _LIBCPP_VERBOSE_ABORT_NOEXCEPT {
  page_fail(format);
}
_LIBCPP_END_NAMESPACE_STD

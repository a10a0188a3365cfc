// What makes a C function of the library visible.
#ifndef BNN_DELEGATE_EXPORT_H_
#define BNN_DELEGATE_EXPORT_H_

#if defined(_WIN32)
#define BNN_EXPORT extern "C" __declspec(dllexport)
#else
#define BNN_EXPORT extern "C" __attribute__((visibility("default")))
#endif

#endif  // BNN_DELEGATE_EXPORT_H_

/* bnn_lab's delegate: runs the binary ops of a .tflite model inside TFLite or LiteRT.
 *
 * Link libbnn_lab_delegate, or load it with dlopen and look these two functions up: they are
 * TFLite's interface of external delegates, so any program that takes an external delegate's path
 * (such as TFLite's benchmark_model, with --external_delegate_path) takes this library too.
 *
 * See docs/use-from-cpp.md.
 */
#ifndef BNN_LAB_DELEGATE_H_
#define BNN_LAB_DELEGATE_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* TFLite's own type; where its headers are included too, both names mean the same struct. */
struct TfLiteDelegate;

/* Creates a delegate for one interpreter.
 *
 * Options, each a pair of strings:
 *   backend      kernel backend: scalar, avx2, avx512vpopcntdq or neon; default is the environment
 *                variable BNN_LAB_BACKEND, or the fastest that this CPU supports
 *   num_threads  threads of the binary ops, 1 to 256; default is the interpreter's number
 *   fuse         1: also run the float ops around a convolution inside it (default), 0: do not
 *
 * Returns NULL after calling report_error (unless that is NULL) with a message that names what is
 * wrong: an unknown option, a value out of range, a backend that this CPU does not support.
 */
struct TfLiteDelegate* tflite_plugin_create_delegate(char** option_keys, char** option_values,
                                                     size_t option_count,
                                                     void (*report_error)(const char* message));

/* Destroys a delegate, after the interpreter that used it. NULL is allowed. */
void tflite_plugin_destroy_delegate(struct TfLiteDelegate* delegate);

#ifdef __cplusplus
}
#endif

#endif /* BNN_LAB_DELEGATE_H_ */

/* bnn_lab's delegate: runs the binary ops of a .tflite model inside TFLite or LiteRT.
 *
 * Link libbnn_lab_delegate, or load it with dlopen and look these functions up. Those named
 * tflite_plugin_... are TFLite's interface of external delegates, so any program that takes an
 * external delegate's path (such as TFLite's benchmark_model, with --external_delegate_path) takes
 * this library too.
 *
 * See docs/use-from-cpp.md.
 */
#ifndef BNN_LAB_DELEGATE_H_
#define BNN_LAB_DELEGATE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* TFLite's own type; where its headers are included too, both names mean the same struct. */
struct TfLiteDelegate;

/* Creates a delegate for one interpreter.
 *
 * Options, each a pair of strings:
 *   backend      name of a kernel backend, as docs/kernels.md lists them; default is the
 *                environment variable BNN_LAB_BACKEND, or the fastest that this CPU supports
 *   num_threads  threads of the binary ops, 1 to 256; default is the interpreter's number
 *   fuse         1: also run the float ops around a convolution inside it (default), 0: do not
 *   trace        1: clock each pass and its threads, for bnn_lab.runtime; 0: do not (default)
 *
 * Returns NULL after calling report_error (unless that is NULL) with a message that names what is
 * wrong: an unknown option, a value out of range, a backend that this CPU does not support.
 */
struct TfLiteDelegate* tflite_plugin_create_delegate(char** option_keys, char** option_values,
                                                     size_t option_count,
                                                     void (*report_error)(const char* message));

/* Which ops of the file run in one pass, once an interpreter was made with the delegate.
 *
 * Of each partition that LiteRT shows as one node "BnnLabDelegate", in the order of these nodes,
 * the list holds the number of its groups, and of each group the number of its ops and their
 * positions in the file's main graph, ascending. Writes up to `capacity` of the list's integers and
 * returns how many there are. NULL for a delegate has none.
 */
size_t bnn_delegate_groups(const struct TfLiteDelegate* delegate, int32_t* list, size_t capacity);

/* Destroys a delegate, after the interpreter that used it. NULL is allowed. */
void tflite_plugin_destroy_delegate(struct TfLiteDelegate* delegate);

#ifdef __cplusplus
}
#endif

#endif /* BNN_LAB_DELEGATE_H_ */

// The part of TFLite's C ABI that an external delegate needs, declared here because the LiteRT
// wheels ship no headers.
//
// Only layout matters: member order and types, for 64-bit platforms with 4-byte enums. TFLite adds
// members at the end of a struct only, so structs that the runtime hands out by pointer (Context,
// Node) are cut after the last member used here. Those that we create or pass by value
// (Registration, Delegate) are complete, and so is Tensor, since tensors come as an array.
#ifndef BNN_DELEGATE_TFLITE_ABI_H_
#define BNN_DELEGATE_TFLITE_ABI_H_

#include <cstddef>
#include <cstdint>

namespace bnn::tfl {

enum Status : int { kOk = 0, kError = 1 };
enum Type : int { kNoType = 0, kFloat32 = 1, kInt32 = 2, kBool = 6, kInt8 = 9 };
enum Allocation : int { kNoMemory = 0, kReadOnly = 1 };
// Builtin operators, as numbered in TFLite's schema.
enum Builtin : int {
  kAdd = 0,
  kAveragePool2d = 1,
  kConcatenation = 2,
  kMaxPool2d = 17,
  kMul = 18,
  kRelu = 19,
  kReluN1To1 = 20,
  kRelu6 = 21,
  kPad = 34,
  kMean = 40,
  kSub = 41,
  kPrelu = 54,
  kLeakyRelu = 98,
  kCustom = 32,
  kDelegate = 51
};

constexpr int kNoTensor = -1;                // an optional operand that is absent
constexpr int64_t kAllowDynamicTensors = 1;  // delegate flag

// Length-prefixed; the elements follow the struct in memory.
struct IntArray {
  int size;
  const int* begin() const { return reinterpret_cast<const int*>(this) + 1; }
  int* begin() { return reinterpret_cast<int*>(this) + 1; }
  const int* end() const { return begin() + size; }
  int* end() { return begin() + size; }
  int operator[](int i) const { return begin()[i]; }
};

struct Delegate;

struct Tensor {
  Type type;
  void* data;
  IntArray* dims;
  float scale;
  int32_t zero_point;
  Allocation allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  Delegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  int quantization_type;
  void* quantization_params;
  void* sparsity;
  const IntArray* dims_signature;
};

struct Node {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
};

struct Context;

struct Registration {
  void* (*init)(Context*, const char* buffer, size_t length);
  void (*free)(Context*, void* user_data);
  Status (*prepare)(Context*, Node*);
  Status (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* (*async_kernel)(Context*, Node*);
  uint64_t inplace_operator;
};

struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(Context*, IntArray** plan);
  Tensor* tensors;  // may move when tensors are added: do not keep
  void* impl;
  Status (*ResizeTensor)(Context*, Tensor*, IntArray* dims);  // takes ownership; dims malloc'ed
  void (*ReportError)(Context*, const char* format, ...);
  Status (*AddTensors)(Context*, int count, int* first);
  Status (*GetNodeAndRegistration)(Context*, int index, Node**, Registration**);
  Status (*ReplaceNodeSubsetsWithDelegateKernels)(Context*, Registration, const IntArray* nodes,
                                                  Delegate*);
  int recommended_num_threads;
};

struct ArithmeticParams {  // builtin_data of ADD, MUL and SUB, as far as they agree
  int activation;          // 0 none, 1 relu, 2 relu_n1_to_1, 3 relu6, ...
};

struct ConcatenationParams {  // builtin_data of CONCATENATION
  int axis;
  int activation;
};

struct LeakyReluParams {  // builtin_data of LEAKY_RELU
  float alpha;
};

struct PoolParams {  // builtin_data of AVERAGE_POOL_2D and MAX_POOL_2D
  int padding;       // 1 same, 2 valid
  int stride_width, stride_height;
  int filter_width, filter_height;
  int activation;
};

struct ReducerParams {  // builtin_data of MEAN
  bool keep_dims;
};

struct DelegateParams {  // what Registration::init gets as its buffer
  Delegate* delegate;
  IntArray* nodes_to_replace;
  IntArray* input_tensors;
  IntArray* output_tensors;
};

struct Delegate {
  void* data;
  Status (*Prepare)(Context*, Delegate*);
  Status (*CopyFromBufferHandle)(Context*, Delegate*, int handle, Tensor*);
  Status (*CopyToBufferHandle)(Context*, Delegate*, int handle, Tensor*);
  void (*FreeBufferHandle)(Context*, Delegate*, int* handle);
  int64_t flags;
  void* opaque_builder;
};

static_assert(sizeof(void*) == 8, "the layouts below are those of 64-bit platforms");
static_assert(offsetof(Tensor, dims) == 16 && offsetof(Tensor, bytes) == 40 &&
                  offsetof(Tensor, name) == 56 && sizeof(Tensor) == 112,
              "Tensor layout");
static_assert(offsetof(Node, custom_initial_data) == 48, "Node layout");
static_assert(offsetof(Context, recommended_num_threads) == 72, "Context layout");
static_assert(sizeof(Registration) == 88 && sizeof(Delegate) == 56, "Registration layout");

}  // namespace bnn::tfl
#endif  // BNN_DELEGATE_TFLITE_ABI_H_

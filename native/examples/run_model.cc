// Runs a .tflite model with binary ops in an application of one's own: LiteRT's C API, with
// bnn_lab's delegate registered as an accelerator.
//
//   run_model MODEL [--backend NAME] [INPUT ...]
//
// INPUT are files of raw values, one per input of the model, in its order; without them inputs are
// zero. Prints each output's shape and values, and the median time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnn_lab_delegate.h"
#include "litert_c_api.h"

namespace {

constexpr int kRuns = 20;

void check(LiteRtStatus status, const char* what) {
  if (status != 0) {
    throw std::runtime_error(std::string(what) + ": LiteRT's status " + std::to_string(status));
  }
}

// --- the delegate as a LiteRT accelerator --------------------------------------------------------

std::string backend;  // "" is the default

LiteRtStatus name_of(LiteRtAccelerator, const char** name) {
  *name = "bnn_lab";
  return 0;
}

LiteRtStatus version_of(LiteRtAccelerator, LiteRtApiVersion* version) {
  *version = {0, 1, 0};
  return 0;
}

LiteRtStatus hardware_of(LiteRtAccelerator, LiteRtHwAcceleratorSet* hardware) {
  *hardware = kLiteRtHwAcceleratorCpu;
  return 0;
}

void destroy(void* delegate) {
  tflite_plugin_destroy_delegate(static_cast<TfLiteDelegate*>(delegate));
}

// Called for each compiled model, which then owns the delegate.
LiteRtStatus create(LiteRtRuntimeContext*, LiteRtEnvironment, LiteRtAccelerator, LiteRtOptions,
                    LiteRtDelegateWrapper* wrapper) {
  char key[] = "backend";
  char *keys[] = {key}, *values[] = {backend.data()};
  TfLiteDelegate* delegate = tflite_plugin_create_delegate(
      keys, values, backend.empty() ? 0 : 1,
      [](const char* message) { std::fprintf(stderr, "bnn_lab: %s\n", message); });
  return delegate == nullptr ? 1 : LiteRtWrapDelegate(delegate, destroy, wrapper);
}

void add_accelerator(LiteRtEnvironment environment) {
  LiteRtAccelerator accelerator = nullptr;
  check(LiteRtCreateAccelerator(&accelerator), "creating an accelerator");
  check(LiteRtSetAcceleratorGetName(accelerator, name_of), "its name");
  check(LiteRtSetAcceleratorGetVersion(accelerator, version_of), "its version");
  check(LiteRtSetAcceleratorGetHardwareSupport(accelerator, hardware_of), "its hardware");
  check(LiteRtSetDelegateFunction(accelerator, create), "its delegate");
  check(LiteRtRegisterAccelerator(environment, accelerator, nullptr, nullptr), "registering it");
}

// --- inputs and outputs --------------------------------------------------------------------------

struct Buffer {
  LiteRtRankedTensorType type{};
  LiteRtTensorBuffer handle = nullptr;
};

Buffer make_buffer(LiteRtEnvironment environment, LiteRtTensor tensor,
                   LiteRtTensorBufferRequirements requirements) {
  Buffer buffer;
  check(LiteRtGetRankedTensorType(tensor, &buffer.type), "a tensor's type");
  check(LiteRtCreateManagedTensorBufferFromRequirements(environment, &buffer.type, requirements,
                                                        &buffer.handle),
        "a tensor's buffer");
  return buffer;
}

void fill(const Buffer& buffer, const char* path) {
  size_t bytes = 0;
  void* memory = nullptr;
  check(LiteRtGetTensorBufferPackedSize(buffer.handle, &bytes), "an input's size");
  std::vector<char> values(bytes);
  if (path != nullptr) {
    std::ifstream file(path, std::ios::binary);
    values.assign(std::istreambuf_iterator<char>(file), {});
    if (values.size() != bytes) {
      throw std::runtime_error(std::string(path) + " holds " + std::to_string(values.size()) +
                               " bytes, the input takes " + std::to_string(bytes));
    }
  }
  check(LiteRtLockTensorBuffer(buffer.handle, &memory, kLiteRtLockWrite), "writing an input");
  std::memcpy(memory, values.data(), bytes);
  check(LiteRtUnlockTensorBuffer(buffer.handle), "writing an input");
}

void print(const Buffer& buffer) {
  size_t bytes = 0;
  void* memory = nullptr;
  check(LiteRtGetTensorBufferPackedSize(buffer.handle, &bytes), "an output's size");
  check(LiteRtLockTensorBuffer(buffer.handle, &memory, kLiteRtLockRead), "reading an output");
  std::printf("output");
  for (unsigned i = 0; i < buffer.type.layout.rank; ++i) {
    std::printf("%c%d", i == 0 ? ' ' : 'x', buffer.type.layout.dimensions[i]);
  }
  std::printf(":");
  if (buffer.type.element_type == kLiteRtElementTypeFloat32) {
    const auto* values = static_cast<const float*>(memory);
    for (size_t i = 0; i < bytes / sizeof(float); ++i) std::printf(" %.9g", values[i]);
  } else {
    const auto* values = static_cast<const unsigned char*>(memory);
    for (size_t i = 0; i < bytes; ++i) std::printf(" %02x", values[i]);
  }
  std::printf("\n");
  check(LiteRtUnlockTensorBuffer(buffer.handle), "reading an output");
}

void run(const char* path, const std::vector<const char*>& inputs) {
  LiteRtEnvironment environment = nullptr;
  LiteRtEnvOption accelerators{};  // LiteRT's own; no search for a GPU's or NPU's libraries
  accelerators.tag = kLiteRtEnvOptionTagAutoRegisterAccelerators;
  accelerators.value.type = kLiteRtAnyTypeInt;
  accelerators.value.int_value = kLiteRtHwAcceleratorCpu;
  check(LiteRtCreateEnvironment(1, &accelerators, &environment), "creating LiteRT's environment");
  add_accelerator(environment);

  LiteRtModel model = nullptr;
  check(LiteRtCreateModelFromFile(environment, path, &model), path);
  LiteRtOptions options = nullptr;
  check(LiteRtCreateOptions(&options), "creating options");
  check(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu), "options");
  LiteRtCompiledModel compiled = nullptr;
  check(LiteRtCreateCompiledModel(environment, model, options, &compiled), "compiling the model");

  LiteRtSignature signature = nullptr;
  LiteRtParamIndex input_count = 0, output_count = 0;
  check(LiteRtGetModelSignature(model, 0, &signature), "the model's signature");
  check(LiteRtGetNumSignatureInputs(signature, &input_count), "its inputs");
  check(LiteRtGetNumSignatureOutputs(signature, &output_count), "its outputs");
  if (!inputs.empty() && inputs.size() != input_count) {
    throw std::runtime_error("the model has " + std::to_string(input_count) + " inputs, not " +
                             std::to_string(inputs.size()));
  }
  std::vector<LiteRtTensorBuffer> sources, results;
  std::vector<Buffer> outputs;
  for (LiteRtParamIndex i = 0; i < input_count; ++i) {
    LiteRtTensor tensor = nullptr;
    LiteRtTensorBufferRequirements requirements = nullptr;
    check(LiteRtGetSignatureInputTensorByIndex(signature, i, &tensor), "an input");
    check(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, i, &requirements), "an input");
    const Buffer buffer = make_buffer(environment, tensor, requirements);
    fill(buffer, inputs.empty() ? nullptr : inputs[i]);
    sources.push_back(buffer.handle);
  }
  for (LiteRtParamIndex i = 0; i < output_count; ++i) {
    LiteRtTensor tensor = nullptr;
    LiteRtTensorBufferRequirements requirements = nullptr;
    check(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), "an output");
    check(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, i, &requirements),
          "an output");
    outputs.push_back(make_buffer(environment, tensor, requirements));
    results.push_back(outputs.back().handle);
  }

  std::vector<double> times;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    check(LiteRtRunCompiledModel(compiled, 0, sources.size(), sources.data(), results.size(),
                                 results.data()),
          "running the model");
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    times.push_back(time.count());
  }
  for (const Buffer& output : outputs) print(output);
  std::sort(times.begin(), times.end());
  std::printf("median of %d runs: %.3f ms\n", kRuns, times[kRuns / 2]);

  for (LiteRtTensorBuffer buffer : sources) LiteRtDestroyTensorBuffer(buffer);
  for (LiteRtTensorBuffer buffer : results) LiteRtDestroyTensorBuffer(buffer);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<const char*> arguments;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--backend") == 0 && i + 1 < argc) {
      backend = argv[++i];
    } else if (argv[i][0] == '-') {
      std::fprintf(stderr, "unknown option %s, or its value is missing\n", argv[i]);
      return 2;
    } else {
      arguments.push_back(argv[i]);
    }
  }
  if (arguments.empty()) {
    std::fprintf(stderr, "usage: run_model MODEL [--backend NAME] [INPUT ...]\n");
    return 2;
  }
  try {
    run(arguments[0], {arguments.begin() + 1, arguments.end()});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}

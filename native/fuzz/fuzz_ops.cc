// Fuzzes the delegate's ops as a hostile model file could set them up: options, operand types,
// shapes, constants. Every input must either be refused with an exception or run within the memory
// that it declared.
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bnn/dispatch.h"
#include "fuzzing.h"
#include "ops.h"

namespace {

// A tensor whose memory is exactly as large as it says, so that ASan sees each byte beyond.
struct Owned {
  bnn::TensorView view;
  std::unique_ptr<uint8_t[]> memory;

  void allocate(Bytes* fill) {
    const int64_t count = elements(view.shape);
    if (count < 0) throw std::invalid_argument("too large to fuzz");
    const size_t bytes = static_cast<size_t>(count) * element_size(view.type);
    memory.reset(new uint8_t[bytes]);
    for (size_t i = 0; i < bytes; ++i) memory[i] = fill == nullptr ? 0 : fill->byte();
    view.data = memory.get();
    view.bytes = bytes;
  }
};

Owned read_tensor(Bytes* in, int index) {
  static const bnn::tfl::Type kTypes[] = {bnn::tfl::kFloat32, bnn::tfl::kInt32, bnn::tfl::kInt8,
                                          bnn::tfl::kBool, bnn::tfl::kNoType};
  Owned t;
  t.view.index = index;
  const uint8_t flags = in->byte();
  t.view.type = kTypes[flags % 5];
  t.view.constant = flags & 0x80;
  const int rank = in->byte() % 6;
  for (int i = 0; i < rank; ++i) {
    const uint8_t d = in->byte();
    t.view.shape.push_back(d == 255 ? static_cast<int32_t>(in->word()) : d % 40);
  }
  const uint32_t scale = in->word();
  std::memcpy(&t.view.scale, &scale, sizeof(scale));
  t.view.zero_point = static_cast<int8_t>(in->byte());
  if (in->byte() == 255) t.view.zero_point = static_cast<int32_t>(in->word());
  return t;
}

bnn::Activation read_activation(Bytes* in) { return static_cast<bnn::Activation>(in->byte() % 4); }

bnn::EpilogueStep read_step(Bytes* in) {
  bnn::EpilogueStep step;
  step.kind = in->byte() % 5;
  step.activation = read_activation(in);
  for (int left = in->byte() % 70; left > 0; --left) {
    step.values.push_back(static_cast<float>(in->byte()) - 128.0f);
  }
  return step;
}

// The builtin ops that the delegate claims.
std::unique_ptr<bnn::Op> read_float_op(Bytes* in) {
  switch (in->byte() % 4) {
    case 0: return bnn::make_sum(read_activation(in));
    case 1: return bnn::make_activation(read_activation(in));
    case 2: {
      bnn::EpilogueStep step = read_step(in);
      if (step.values.empty()) step.values.push_back(1.0f);  // a claim has one value at least
      return bnn::make_channel_op(step, read_activation(in));
    }
    default: {
      bnn::AverageOptions options;
      options.filter_height = in->byte() % 9;
      options.filter_width = options.filter_height == 0 ? 0 : 1 + in->byte() % 9;
      options.stride_height = 1 + in->byte() % 5;
      options.stride_width = 1 + in->byte() % 5;
      options.padding = in->byte() % 2 == 0 ? bnn::Padding::kSame : bnn::Padding::kValid;
      options.activation = read_activation(in);
      options.keep_dims = options.filter_height > 0 || in->byte() % 2 == 0;
      return bnn::make_average(options);
    }
  }
}

void run_once(const uint8_t* data, size_t size) {
  static const char* kNames[] = {"LceQuantize",   "LceDequantize",     "LceBconv2d",
                                 "LceBMaxPool2d", "BnnLabDepthwise2d", "BnnLabTranspose2d"};
  Bytes in(data, size);
  const uint8_t kind = in.byte();
  const bool builtin = kind >= 240, ternary = kind == 239;  // older inputs keep their meaning
  const auto backends = bnn::available_backends();
  const bnn_backend& backend = bnn::select_backend(backends[in.byte() % backends.size()]);
  const std::vector<uint8_t> options = in.take(in.word() % 400);
  const std::unique_ptr<bnn::Op> op =
      builtin ? read_float_op(&in)
              : bnn::make_op(ternary ? "BnnLabTernaryDense" : kNames[kind % 6], options.data(),
                             options.size(), backend);
  const uint8_t fused = in.byte();
  if (fused & 1) op->fuse({BNN_STEP_CLAMP, {}, read_activation(&in)});
  for (int steps = fused >> 4; steps > 0; --steps) op->fuse(read_step(&in));

  const int count = in.byte() % 7;
  std::vector<Owned> owned;
  for (int i = 0; i < count; ++i) owned.push_back(read_tensor(&in, i));
  Owned output = read_tensor(&in, count);
  bnn::OpTensors tensors;
  for (auto& t : owned) {
    t.allocate(&in);
    tensors.inputs.push_back(t.view);
    if (!t.view.constant) tensors.inputs.back().data = nullptr;  // as before the first run
  }
  // LiteRT claims a builtin op for float32 only, and only with a changing input.
  if (builtin) {
    for (const bnn::TensorView& view : tensors.inputs) {
      if (view.type != bnn::tfl::kFloat32 || view.constant) return;
    }
    output.view.type = bnn::tfl::kFloat32;
  }
  tensors.output = output.view;
  const bnn::Shape shape = op->prepare(tensors);
  output.view.shape = shape;
  output.allocate(nullptr);
  tensors.output = output.view;
  Owned shortcut, signs;
  if (op->fuses() && output.view.type == bnn::tfl::kFloat32) {
    if (fused & 2) {
      shortcut.view = output.view;
      shortcut.allocate(&in);
      tensors.shortcut = shortcut.view;
    }
    if (fused & 4) {
      signs.view.type = bnn::tfl::kInt32;
      signs.view.shape = shape;
      signs.view.shape.back() = bnn::words_for(shape.back());
      signs.allocate(nullptr);
      tensors.signs = signs.view;
    }
  }
  for (size_t i = 0; i < owned.size(); ++i) tensors.inputs[i].data = owned[i].memory.get();
  bnn::OpContext context;
  context.backend = &backend;
  op->run(tensors, context);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    run_once(data, size);
  } catch (const std::exception&) {  // refused, as it should be
  }
  return 0;
}

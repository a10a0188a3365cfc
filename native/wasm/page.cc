// What a page calls: the kernels by addresses in the module's memory.
// docs/_static/measure/kernels.js is its other side, and checks sizes; what is wrong with
// parameters is said here, see exceptions.cc.
#include <cstdlib>

#include "bnn/bconv2d.h"
#include "bnn/bmaxpool2d.h"
#include "bnn/btransposeconv2d.h"
#include "bnn/checks.h"
#include "bnn/dispatch.h"

#define BNN_PAGE(name) extern "C" __attribute__((export_name(#name)))

namespace {

const bnn_backend& backend_at(int32_t index) {
  const auto& all = bnn::all_backends();
  const auto i = static_cast<size_t>(index);
  bnn::require(i < all.size() && all[i].table != nullptr, "backend: not in this module");
  return *all[i].table;
}

bnn::Padding padding_of(int32_t valid) {
  return valid != 0 ? bnn::Padding::kValid : bnn::Padding::kSame;
}

// In the order of CONV_FIELDS of kernels.js.
struct ConvFields {
  int32_t channels_in, channels_out, filter_height, filter_width, stride_height, stride_width;
  int32_t dilation_height, dilation_width, groups, depthwise, valid, pad_values, activation, output;
  int32_t output_zero_point, residual, before, after, transposed;
};

bnn::BConv2DParams params_of(const ConvFields& f, double output_scale) {
  const auto activation = [](int32_t code) {
    bnn::Activation found;
    bnn::require(bnn::read_activation(code, &found), "activation: unknown");
    return found;
  };
  bnn::require(f.output >= 0 && f.output <= 2, "output: unknown");
  bnn::BConv2DParams p;
  p.channels_in = f.channels_in;
  p.channels_out = f.channels_out;
  p.filter_height = f.filter_height;
  p.filter_width = f.filter_width;
  p.stride_height = f.stride_height;
  p.stride_width = f.stride_width;
  p.dilation_height = f.dilation_height;
  p.dilation_width = f.dilation_width;
  p.groups = f.groups;
  p.depthwise = f.depthwise != 0;
  p.padding = padding_of(f.valid);
  p.pad_values = f.pad_values;
  p.activation = activation(f.activation);
  p.output = static_cast<bnn::Output>(f.output);
  p.output_scale = output_scale;
  p.output_zero_point = f.output_zero_point;
  if (f.residual != 0) {
    p.epilogue = bnn::residual_epilogue(activation(f.before), activation(f.after));
  }
  return p;
}

// One of both kinds.
struct Conv {
  std::unique_ptr<bnn::BConv2D> plain;
  std::unique_ptr<bnn::BTransposeConv2D> transposed;
};

}  // namespace

BNN_PAGE(alloc) void* page_alloc(size_t bytes) {
  return std::aligned_alloc(64, (bytes + 63) & ~63u);
}
BNN_PAGE(release) void page_release(void* memory) { std::free(memory); }

BNN_PAGE(backend_name) const char* page_backend_name(int32_t index) {
  const auto& all = bnn::all_backends();
  return static_cast<size_t>(index) < all.size() ? all[static_cast<size_t>(index)].name : nullptr;
}
BNN_PAGE(backend_built) int32_t page_backend_built(int32_t index) {
  return bnn::all_backends()[static_cast<size_t>(index)].table != nullptr;
}

BNN_PAGE(bitpack)
void page_bitpack(int32_t backend, int32_t type, const void* x, int32_t zero_point, int32_t rows,
                  int32_t channels, uint32_t* words) {
  const bnn_backend& table = backend_at(backend);
  switch (type) {
    case 0: table.bitpack_f32(static_cast<const float*>(x), rows, channels, words); break;
    case 1:
      table.bitpack_i8(static_cast<const int8_t*>(x), zero_point, rows, channels, words);
      break;
    default: table.bitpack_bool(static_cast<const uint8_t*>(x), rows, channels, words);
  }
}

BNN_PAGE(unpack)
void page_unpack(int32_t backend, int32_t type, const uint32_t* words, int32_t bit0, int32_t bit1,
                 int32_t rows, int32_t channels, void* x) {
  const bnn_backend& table = backend_at(backend);
  if (type == 0) {
    table.unpack_f32(words, rows, channels, static_cast<float*>(x));
  } else {
    table.unpack_i8(words, static_cast<int8_t>(bit0), static_cast<int8_t>(bit1), rows, channels,
                    static_cast<int8_t*>(x));
  }
}

BNN_PAGE(max_pool)
void page_max_pool(int32_t backend, const uint32_t* x, int32_t batch, int32_t height, int32_t width,
                   int32_t words, int32_t pool_height, int32_t pool_width, int32_t stride_height,
                   int32_t stride_width, int32_t valid, uint32_t* output) {
  bnn::bmaxpool2d(backend_at(backend), x, batch, height, width, words, pool_height, pool_width,
                  stride_height, stride_width, padding_of(valid), output);
}

BNN_PAGE(conv_new)
Conv* page_conv_new(int32_t backend, const ConvFields* fields, double output_scale,
                    const uint32_t* filters, const float* multiplier, const float* bias,
                    const int32_t* threshold) {
  const bnn::BConv2DParams params = params_of(*fields, output_scale);
  const bnn_backend& table = backend_at(backend);
  auto conv = std::make_unique<Conv>();
  if (fields->transposed != 0) {
    conv->transposed = std::make_unique<bnn::BTransposeConv2D>(table, params, filters, multiplier,
                                                               bias, threshold);
  } else {
    conv->plain =
        std::make_unique<bnn::BConv2D>(table, params, filters, multiplier, bias, threshold);
  }
  return conv.release();
}

BNN_PAGE(conv_delete) void page_conv_delete(Conv* conv) { delete conv; }

// size: height, width and last dimension of the output. Returns multiply-accumulates of an image.
BNN_PAGE(conv_resize)
double page_conv_resize(Conv* conv, int32_t height, int32_t width, int32_t out_height,
                        int32_t out_width, int32_t* size) {
  const auto tell = [size](const auto& made) {
    size[0] = static_cast<int32_t>(made.out_height());
    size[1] = static_cast<int32_t>(made.out_width());
    size[2] = static_cast<int32_t>(made.out_channels());
    return static_cast<double>(made.macs());
  };
  if (conv->plain != nullptr) {
    conv->plain->resize(height, width);
    return tell(*conv->plain);
  }
  conv->transposed->resize(height, width, out_height, out_width);
  return tell(*conv->transposed);
}

BNN_PAGE(conv_run)
void page_conv_run(Conv* conv, const uint32_t* x, int32_t batch, void* output,
                   const float* shortcut, uint32_t* signs) {
  if (conv->transposed != nullptr) {
    conv->transposed->run(x, batch, output, nullptr, 1);
    return;
  }
  bnn::OutputView view;
  view.data = output;
  view.shortcut = shortcut;
  view.signs = signs;
  conv->plain->run(x, batch, view, nullptr, 1);
}

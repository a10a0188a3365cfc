// A convolution, put together from its parts in conv/.
#include "bnn/bconv2d.h"

#include <utility>

#include "bnn/aligned_buffer.h"
#include "conv/run.h"

namespace bnn {

std::vector<EpilogueStep> residual_epilogue(Activation before, Activation after) {
  std::vector<EpilogueStep> steps;
  if (before != Activation::kNone) steps.push_back({BNN_STEP_CLAMP, {}, before});
  steps.push_back({BNN_STEP_SHORTCUT, {}, Activation::kNone});
  if (after != Activation::kNone) steps.push_back({BNN_STEP_CLAMP, {}, after});
  return steps;
}

struct BConv2D::Parts {
  Parts(const bnn_backend& table, const BConv2DParams& params, const uint32_t* filters,
        const float* multiplier, const float* bias, const int32_t* threshold)
      : backend(table),
        layer(params, multiplier, bias, threshold),
        constants(table, layer, filters, multiplier, bias, threshold) {}

  const bnn_backend& backend;
  const ConvLayer layer;
  const ConvConstants constants;
  // Of one image size:
  ConvPlan plan;
  ConvBorder border;
  AlignedBuffer<uint32_t> copy;  // of the input, padded and, if needed, rearranged
  AlignedBuffer<uint8_t> bytes;  // the same with each bit a byte, for a backend that wants it
};

BConv2D::BConv2D(const bnn_backend& backend, const BConv2DParams& params, const uint32_t* filters,
                 const float* multiplier, const float* bias, const int32_t* threshold)
    : parts_(new Parts(backend, params, filters, multiplier, bias, threshold)) {}

BConv2D::~BConv2D() = default;

int64_t BConv2D::out_height() const { return parts_->plan.ys.out; }
int64_t BConv2D::out_width() const { return parts_->plan.xs.out; }
int64_t BConv2D::out_channels() const { return parts_->layer.out_channels; }
int64_t BConv2D::macs() const { return parts_->plan.macs(parts_->layer); }
const bnn_backend& BConv2D::backend() const { return parts_->backend; }
const BConv2DParams& BConv2D::params() const { return parts_->layer.params; }

void BConv2D::resize(int64_t height, int64_t width) {
  const BConv2DParams& p = params();
  resize(height, width,
         window_axis(height, p.filter_height, p.stride_height, p.dilation_height, p.padding),
         window_axis(width, p.filter_width, p.stride_width, p.dilation_width, p.padding));
}

void BConv2D::resize(int64_t height, int64_t width, const Windows& ys, const Windows& xs) {
  Parts& parts = *parts_;
  if (parts.plan.is_for(height, width, ys, xs)) return;
  // Made anew before anything changes: a size that is refused leaves the one before.
  ConvPlan plan(parts.layer, height, width, ys, xs);
  ConvBorder border(parts.layer, parts.constants, plan);
  AlignedBuffer<uint32_t> copy(plan.copied_words(parts.layer));
  AlignedBuffer<uint8_t> bytes(plan.byte_image(parts.backend, parts.layer));
  parts.plan = std::move(plan);
  parts.border = std::move(border);
  parts.copy = std::move(copy);
  parts.bytes = std::move(bytes);
}

Frame BConv2D::frame() const { return parts_->plan.frame(parts_->layer); }

void BConv2D::take_framed(const Frame& frame) {
  Parts& parts = *parts_;
  parts.plan.take_framed(parts.layer, frame);
  const size_t words = parts.plan.copied_words(parts.layer);
  if (parts.copy.size() != words) parts.copy = AlignedBuffer<uint32_t>(words);
  const size_t bytes = parts.plan.byte_image(parts.backend, parts.layer);
  if (parts.bytes.size() != bytes) parts.bytes = AlignedBuffer<uint8_t>(bytes);
}

void BConv2D::run(const uint32_t* x, int64_t batch, const OutputView& output, ThreadPool* pool,
                  int threads) {
  Parts& p = *parts_;
  const ConvParts parts{p.backend, p.layer, p.constants, p.plan, p.border};
  const ConvMemory memory{p.copy.data(), p.bytes.size() > 0 ? p.bytes.data() : nullptr};
  run_convolution(parts, x, batch, output, memory, pool, threads);
}

}  // namespace bnn

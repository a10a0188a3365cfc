#include "conv/spans.h"

#include <algorithm>

namespace bnn {

BlockRun::BlockRun(const ConvParts& parts, const ConvImage& image, const OutputView& output,
                   int64_t block)
    : parts_(parts),
      output_(output),
      first_constant_(block * BNN_BLOCK),
      channel_(block / parts.layer.blocks * parts.layer.group_out +
               block % parts.layer.blocks * BNN_BLOCK),
      sign_words_(words_for(parts.layer.params.channels_out)) {
  const ConvLayer& layer = parts_.layer;
  const ConvPlan& plan = parts_.plan;
  const int64_t group = block / layer.blocks;
  const int64_t row = plan.ys.start + plan.top, column = plan.xs.start + plan.left;
  const int64_t origin = (row * plan.image_width + column) * layer.pixel_words +
                         (layer.params.depthwise ? block : group * layer.group_words);
  origin_ = image.words + origin;
  if (image.bytes != nullptr) byte_origin_ = image.bytes + origin * BNN_WORD_BITS;
  set_constants(block);
  set_epilogue();
  set_steps();
}

void BlockRun::set_constants(int64_t block) {
  const ConvLayer& layer = parts_.layer;
  const ConvConstants& constants = parts_.constants;
  span_.runs = parts_.plan.runs.data();
  span_.run_count = layer.run_count;
  span_.run_words = layer.run_words;
  span_.weights = constants.weights.data() + static_cast<size_t>(block) * constants.block_words;
  span_.channels = static_cast<int32_t>(
      std::min<int64_t>(BNN_BLOCK, layer.group_out - block % layer.blocks * BNN_BLOCK));
  span_.clamp_min = constants.clamp_min;
  span_.clamp_max = constants.clamp_max;
  span_.factor = constants.factor.data() + first_constant_;
  span_.shift = constants.shift.data() + first_constant_;
  span_.threshold = constants.threshold.data() + first_constant_;
  even_ = constants.doubles && constants.clamp_min % 2 == 0 && constants.clamp_max % 2 == 0;
  unclamped_ = layer.params.activation == Activation::kNone;
}

void BlockRun::set_epilogue() {
  for (const bnn_step& step : parts_.constants.steps) {
    if (step.kind == BNN_STEP_SHORTCUT && output_.shortcut == nullptr) continue;
    bnn_step& own = span_.steps[span_.step_count++];
    own = step;
    if (own.values != nullptr) own.values += first_constant_;
  }
  fused_ = span_.step_count > 0 || output_.signs != nullptr;
}

void BlockRun::set_steps() {
  const BConv2DParams& p = parts_.layer.params;
  const int64_t pixel_words = parts_.layer.pixel_words;
  span_.input_step = static_cast<ptrdiff_t>(p.stride_width * pixel_words);
  span_.output_step = static_cast<ptrdiff_t>(output_.pixel_step);
  span_.shortcut_step = p.channels_out;
  span_.signs_step = static_cast<ptrdiff_t>(sign_words_);
  span_.input_row_step =
      static_cast<ptrdiff_t>(p.stride_height * parts_.plan.image_width * pixel_words);
  span_.output_row_step = static_cast<ptrdiff_t>(output_.row_step);
  span_.shortcut_row_step = static_cast<ptrdiff_t>(output_.shortcut_row_step);
  span_.signs_row_step = static_cast<ptrdiff_t>(output_.signs_row_step);
}

void BlockRun::run_rows(int64_t first_row, int64_t last_row) {
  for (int64_t y = first_row; y < last_row; y += span_.rows) {
    span_.rows = rows_alike(y, last_row);
    for (const ConvBorder::Segment& segment : parts_.border.segments()) {
      place(y, segment);
      if (parts_.layer.straddle) {
        call_straddling(y, segment.begin);
      } else {
        call();
      }
    }
  }
}

// Rows from y on that one span may have.
int32_t BlockRun::rows_alike(int64_t y, int64_t last_row) const {
  if (parts_.backend.span_rows <= 1 || parts_.layer.straddle) return 1;
  const int64_t last = std::min(last_row, y + parts_.backend.span_rows);
  int64_t end = y + 1;
  while (end < last && parts_.border.row_class(end) == parts_.border.row_class(y)) ++end;
  return static_cast<int32_t>(end - y);
}

void BlockRun::place(int64_t y, const ConvBorder::Segment& segment) {
  span_.input = origin_ + y * span_.input_row_step + segment.begin * span_.input_step;
  span_.pixels = static_cast<int32_t>(segment.end - segment.begin);
  span_.offset = parts_.border.offsets(y, segment) + first_constant_;
  span_.halves = even_ && parts_.border.plain(y, segment);
  span_.plain = unclamped_ && span_.halves;
  const int64_t first =
      parts_.layer.params.output == Output::kBits ? channel_ / BNN_WORD_BITS : channel_;
  span_.output =
      static_cast<char*>(output_.data) +
      (y * output_.row_step + segment.begin * output_.pixel_step + first) * parts_.layer.element;
  if (fused_) place_fused(y, segment);
  if (byte_origin_ == nullptr) return;
  const bool taken = parts_.backend.span_takes_bytes(&span_) != 0;
  span_.bytes = taken ? byte_origin_ + (span_.input - origin_) * BNN_WORD_BITS : nullptr;
}

void BlockRun::place_fused(int64_t y, const ConvBorder::Segment& segment) {
  if (output_.shortcut != nullptr) {
    span_.shortcut = output_.shortcut + y * output_.shortcut_row_step +
                     segment.begin * span_.shortcut_step + channel_;
  }
  if (output_.signs != nullptr) {
    span_.signs = output_.signs + y * output_.signs_row_step + segment.begin * sign_words_ +
                  channel_ / BNN_WORD_BITS;
  }
}

void BlockRun::call() const {
  const bnn_backend& backend = parts_.backend;
  const bool depthwise = parts_.layer.params.depthwise;
  switch (parts_.layer.params.output) {
    case Output::kFloat32:
      if (depthwise) {
        backend.dwconv_f32(&span_);
      } else if (fused_) {
        backend.bconv_f32_fused(&span_);
      } else {
        backend.bconv_f32(&span_);
      }
      break;
    case Output::kInt8: (depthwise ? backend.dwconv_i8 : backend.bconv_i8)(&span_); break;
    case Output::kBits: (depthwise ? backend.dwconv_bits : backend.bconv_bits)(&span_); break;
  }
}

// Bits of a block that does not start at a word boundary of the output are merged in afterwards.
void BlockRun::call_straddling(int64_t y, int64_t column) {
  constexpr int32_t kAtOnce = 64;
  uint32_t bits[kAtOnce];
  const int shift = static_cast<int>(channel_ % BNN_WORD_BITS);
  uint32_t* word = static_cast<uint32_t*>(output_.data) + y * output_.row_step +
                   column * output_.pixel_step + channel_ / BNN_WORD_BITS;
  const ptrdiff_t step = span_.output_step;
  const int32_t pixels = span_.pixels;
  span_.output = bits;
  span_.output_step = 1;
  for (int32_t first = 0; first < pixels; first += kAtOnce) {
    span_.pixels = std::min(pixels - first, kAtOnce);
    call();
    for (int32_t p = 0; p < span_.pixels; ++p, word += step) {
      word[0] |= bits[p] << shift;
      if (shift + span_.channels > BNN_WORD_BITS) word[1] |= bits[p] >> (BNN_WORD_BITS - shift);
    }
    span_.input += span_.pixels * span_.input_step;
  }
  span_.output_step = step;
}

}  // namespace bnn

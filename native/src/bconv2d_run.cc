// Running a convolution: the padded image, and spans over rows and blocks of output channels.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "bnn/bconv2d.h"
#include "bnn/row_split.h"

namespace bnn {
namespace {

// Below this many multiply-accumulates (some 10 us) waking a thread costs more than it brings.
constexpr int64_t kWorthAThread = 4'000'000;

}  // namespace

// Copies the input into the middle of the padded image, whose border stays zero bits (+1).
void BConv2D::fill_image(const uint32_t* x) {
  const int64_t in_words = words_for(params_.channels_in);
  const int32_t copies = params_.depthwise ? params_.channels_out / params_.channels_in : 1;
  for (int64_t y = 0; y < height_; ++y) {
    const uint32_t* source = x + y * width_ * in_words;
    uint32_t* target = image_.data() + ((y + top_) * image_width_ + left_) * pixel_words_;
    if (!repack_) {
      std::memcpy(target, source, static_cast<size_t>(width_ * in_words) * sizeof(uint32_t));
      continue;
    }
    for (int64_t i = 0; i < width_; ++i, source += in_words, target += pixel_words_) {
      std::fill_n(target, pixel_words_, 0u);
      for (int32_t c = 0; c < params_.channels_in; ++c) {
        const uint32_t bit = source[c / BNN_WORD_BITS] >> (c % BNN_WORD_BITS) & 1u;
        int32_t slot = params_.depthwise
                           ? c * copies
                           : c / group_in_ * group_words_ * BNN_WORD_BITS + c % group_in_;
        for (const int32_t end = slot + copies; slot < end; ++slot) {
          target[slot / BNN_WORD_BITS] |= bit << (slot % BNN_WORD_BITS);
        }
      }
    }
  }
}

void BConv2D::call(const bnn_span& span, bool fused) const {
  switch (params_.output) {
    case Output::kFloat32:
      if (params_.depthwise) {
        backend_.dwconv_f32(&span);
      } else if (fused) {
        backend_.bconv_f32_fused(&span);
      } else {
        backend_.bconv_f32(&span);
      }
      break;
    case Output::kInt8: (params_.depthwise ? backend_.dwconv_i8 : backend_.bconv_i8)(&span); break;
    case Output::kBits:
      (params_.depthwise ? backend_.dwconv_bits : backend_.bconv_bits)(&span);
      break;
  }
}

// Bits of a block that does not start at a word boundary of the output are merged in afterwards.
void BConv2D::call_straddling(bnn_span span, uint32_t* row, int64_t column, int64_t channel) const {
  constexpr int32_t kAtOnce = 64;
  uint32_t bits[kAtOnce];
  const int64_t step = span.output_step;
  const int shift = static_cast<int>(channel % BNN_WORD_BITS);
  span.output = bits;
  span.output_step = 1;
  for (int32_t left = span.pixels; left > 0; left -= kAtOnce) {
    span.pixels = std::min(left, kAtOnce);
    call(span, false);
    for (int32_t p = 0; p < span.pixels; ++p) {
      uint32_t* word = row + (column + p) * step + channel / BNN_WORD_BITS;
      word[0] |= bits[p] << shift;
      if (shift + span.channels > BNN_WORD_BITS) word[1] |= bits[p] >> (BNN_WORD_BITS - shift);
    }
    column += span.pixels;
    span.input += span.pixels * span.input_step;
  }
}

void BConv2D::run_rows(const uint32_t* image, const OutputView& output, int64_t block,
                       int64_t first_row, int64_t last_row) const {
  const int64_t group = block / blocks_;
  const int64_t first_in_group = block % blocks_ * BNN_BLOCK;
  const int64_t channel = group * group_out_ + first_in_group;
  const size_t constants = static_cast<size_t>(block) * BNN_BLOCK;
  const bool bits = params_.output == Output::kBits;
  const int64_t element = params_.output == Output::kInt8 ? 1 : 4;
  const int64_t sign_words = words_for(params_.channels_out);

  bnn_span span{};
  for (const bnn_step& step : steps_) {
    if (step.kind == BNN_STEP_SHORTCUT && output.shortcut == nullptr) continue;
    bnn_step& own = span.steps[span.step_count++];
    own = step;
    if (own.values != nullptr) own.values += constants;
  }
  const bool fused = span.step_count > 0 || output.signs != nullptr;
  span.input_step = static_cast<ptrdiff_t>(params_.stride_width * pixel_words_);
  span.runs = runs_.data();
  span.run_count = static_cast<int32_t>(runs_.size());
  span.run_words = run_words_;
  span.weights = weights_.data() + static_cast<size_t>(block) * block_weight_words_;
  span.channels = static_cast<int32_t>(std::min<int64_t>(BNN_BLOCK, group_out_ - first_in_group));
  span.clamp_min = clamp_min_;
  span.clamp_max = clamp_max_;
  span.factor = factor_.data() + constants;
  span.shift = shift_.data() + constants;
  span.threshold = threshold_.data() + constants;
  span.output_step = static_cast<ptrdiff_t>(output.pixel_step);
  span.shortcut_step = params_.channels_out;
  span.signs_step = static_cast<ptrdiff_t>(sign_words);
  const bool unclamped = params_.activation == Activation::kNone;
  const bool even = doubles_ && clamp_min_ % 2 == 0 && clamp_max_ % 2 == 0;
  const int64_t first_column = xs_.start + left_;
  for (int64_t y = first_row; y < last_row; ++y) {
    char* row = static_cast<char*>(output.data) + y * output.row_step * element;
    const int64_t image_row = ys_.start + top_ + y * params_.stride_height;
    const uint32_t* origin = image + (image_row * image_width_ + first_column) * pixel_words_ +
                             (params_.depthwise ? block : group * group_words_);
    for (const Segment& segment : segments_) {
      span.input = origin + segment.begin * span.input_step;
      span.pixels = static_cast<int32_t>(segment.end - segment.begin);
      const size_t pattern =
          static_cast<size_t>(row_pattern_[y]) * column_patterns_ + segment.pattern;
      span.offset = offsets_.data() + pattern * padded_channels() + constants;
      span.halves = even && plain_[pattern];
      span.plain = unclamped && span.halves;
      if (straddle_) {
        call_straddling(span, reinterpret_cast<uint32_t*>(row), segment.begin, channel);
        continue;
      }
      const int64_t first = bits ? channel / BNN_WORD_BITS : channel;
      span.output = row + (segment.begin * output.pixel_step + first) * element;
      span.shortcut = output.shortcut == nullptr
                          ? nullptr
                          : output.shortcut + y * output.shortcut_row_step +
                                segment.begin * params_.channels_out + channel;
      span.signs = output.signs == nullptr
                       ? nullptr
                       : output.signs + y * output.signs_row_step + segment.begin * sign_words +
                             channel / BNN_WORD_BITS;
      call(span, fused);
    }
  }
}

void BConv2D::run(const uint32_t* x, int64_t batch, const OutputView& target, ThreadPool* pool,
                  int threads) {
  OutputView view = target;
  if (view.pixel_step == 0) view.pixel_step = out_channels();
  if (view.row_step == 0) view.row_step = xs_.out * view.pixel_step;
  if (view.image_step == 0) view.image_step = ys_.out * view.row_step;
  if (view.shortcut_row_step == 0) view.shortcut_row_step = xs_.out * params_.channels_out;
  if (view.shortcut_image_step == 0) view.shortcut_image_step = ys_.out * view.shortcut_row_step;
  const int64_t sign_words = words_for(params_.channels_out);
  if (view.signs_row_step == 0) view.signs_row_step = xs_.out * sign_words;
  if (view.signs_image_step == 0) view.signs_image_step = ys_.out * view.signs_row_step;
  const bool adds = std::any_of(steps_.begin(), steps_.end(), [](const bnn_step& step) {
    return step.kind == BNN_STEP_SHORTCUT;
  });
  if (view.shortcut != nullptr && !adds) {
    throw std::invalid_argument("a shortcut was given, but the epilogue adds none");
  }
  if (view.signs != nullptr && (params_.output != Output::kFloat32 || params_.depthwise)) {
    throw std::invalid_argument("signs are for float output, not for depthwise");
  }
  // Groups that share a word of signs cannot write it independently: pack it afterwards.
  uint32_t* late_signs = nullptr;
  if (params_.groups > 1 && group_out_ % BNN_WORD_BITS != 0) std::swap(late_signs, view.signs);
  const int64_t all_blocks = int64_t{params_.groups} * blocks_;
  const int64_t image_words = framed_ ? static_cast<int64_t>(framed_words())
                                      : height_ * width_ * words_for(params_.channels_in);
  const int64_t element = params_.output == Output::kInt8 ? 1 : 4;
  const int64_t rows = ys_.out;
  const bool parallel = pool != nullptr && threads > 1 && macs() > kWorthAThread;
  // Blocks that share output words must stay on one thread.
  const RowSplit split(rows, straddle_ ? 1 : all_blocks,
                       parallel ? std::min(threads, pool->threads()) : 1);

  for (int64_t n = 0; n < batch; ++n) {
    const uint32_t* image = x + n * image_words;
    if (copy_ && !framed_) {
      fill_image(image);
      image = image_.data();
    }
    if (straddle_) {
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t i = 0; i < xs_.out; ++i) {
          auto* words = static_cast<uint32_t*>(view.data) + y * view.row_step + i * view.pixel_step;
          std::fill_n(words, out_channels(), 0u);
        }
      }
    }
    const auto run_piece = [this, image, view, all_blocks](const RowSplit::Piece& piece) {
      const int64_t first = straddle_ ? 0 : piece.block;
      const int64_t last = straddle_ ? all_blocks : piece.block + 1;
      for (int64_t b = first; b < last; ++b) {
        run_rows(image, view, b, piece.first_row, piece.last_row);
      }
    };
    if (parallel) {
      pool->parallel_for(split.count(), threads,
                         [run_piece, split](int64_t index) { run_piece(split.piece(index)); });
    } else {
      for (int64_t b = 0; b < (straddle_ ? 1 : all_blocks); ++b) run_piece({b, 0, rows});
    }
    for (int64_t y = 0; late_signs != nullptr && y < rows; ++y) {
      backend_.bitpack_f32(static_cast<const float*>(view.data) + y * view.row_step, xs_.out,
                           params_.channels_out,
                           late_signs + n * view.signs_image_step + y * view.signs_row_step);
    }
    view.data = static_cast<char*>(view.data) + view.image_step * element;
    if (view.shortcut != nullptr) view.shortcut += view.shortcut_image_step;
    if (view.signs != nullptr) view.signs += view.signs_image_step;
  }
}

}  // namespace bnn

#include "conv/run.h"

#include <algorithm>
#include <utility>

#include "bnn/checks.h"
#include "bnn/row_split.h"
#include "conv/image.h"

namespace bnn {
namespace {

// Below this many multiply-accumulates (some 10 us) waking a thread costs more than it brings.
constexpr int64_t kWorthAThread = 4'000'000;

int64_t or_dense(int64_t step, int64_t dense) { return step == 0 ? dense : step; }

void check(const ConvParts& parts, const OutputView& view) {
  const BConv2DParams& p = parts.layer.params;
  require(view.shortcut == nullptr || parts.constants.adds_shortcut,
          "a shortcut was given, but the epilogue adds none");
  require(view.signs == nullptr || (p.output == Output::kFloat32 && !p.depthwise),
          "signs are for float output, not for depthwise");
}

// Every step given.
void complete(const ConvParts& parts, OutputView* view) {
  const int64_t rows = parts.plan.ys.out, columns = parts.plan.xs.out;
  const int64_t channels = parts.layer.params.channels_out;
  view->pixel_step = or_dense(view->pixel_step, parts.layer.out_channels);
  view->row_step = or_dense(view->row_step, columns * view->pixel_step);
  view->image_step = or_dense(view->image_step, rows * view->row_step);
  view->shortcut_row_step = or_dense(view->shortcut_row_step, columns * channels);
  view->shortcut_image_step = or_dense(view->shortcut_image_step, rows * view->shortcut_row_step);
  view->signs_row_step = or_dense(view->signs_row_step, columns * words_for(channels));
  view->signs_image_step = or_dense(view->signs_image_step, rows * view->signs_row_step);
}

void next_image(const ConvLayer& layer, OutputView* view) {
  view->data = static_cast<char*>(view->data) + view->image_step * layer.element;
  if (view->shortcut != nullptr) view->shortcut += view->shortcut_image_step;
  if (view->signs != nullptr) view->signs += view->signs_image_step;
}

void clear_words(const ConvParts& parts, const OutputView& view) {
  auto* words = static_cast<uint32_t*>(view.data);
  for (int64_t y = 0; y < parts.plan.ys.out; ++y) {
    for (int64_t x = 0; x < parts.plan.xs.out; ++x) {
      std::fill_n(words + y * view.row_step + x * view.pixel_step, parts.layer.out_channels, 0u);
    }
  }
}

void pack_signs(const ConvParts& parts, const OutputView& view, uint32_t* signs) {
  const auto* values = static_cast<const float*>(view.data);
  for (int64_t y = 0; y < parts.plan.ys.out; ++y) {
    parts.backend.bitpack_f32(values + y * view.row_step, parts.plan.xs.out,
                              parts.layer.params.channels_out, signs + y * view.signs_row_step);
  }
}

void run_piece(const ConvParts& parts, const ConvImage& image, const OutputView& view,
               const RowSplit::Piece& piece) {
  // Blocks that share output words stay together.
  const bool all = parts.layer.straddle;
  const int64_t last = all ? parts.layer.all_blocks() : piece.block + 1;
  for (int64_t block = all ? 0 : piece.block; block < last; ++block) {
    BlockRun(parts, image, view, block).run_rows(piece.first_row, piece.last_row);
  }
}

}  // namespace

void run_convolution(const ConvParts& parts, const uint32_t* x, int64_t batch, OutputView view,
                     const ConvMemory& memory, ThreadPool* pool, int threads) {
  check(parts, view);
  complete(parts, &view);
  const ConvLayer& layer = parts.layer;
  const ConvPlan& plan = parts.plan;
  // Groups that share a word of signs cannot write it independently: it is packed afterwards.
  uint32_t* late_signs = nullptr;
  if (layer.params.groups > 1 && layer.group_out % BNN_WORD_BITS != 0) {
    std::swap(late_signs, view.signs);
  }
  const int64_t macs = plan.macs(layer);
  const bool parallel = pool != nullptr && threads > 1 && macs > kWorthAThread;
  const RowSplit split(plan.ys.out, layer.straddle ? 1 : layer.all_blocks(),
                       parallel ? std::min(threads, pool->threads()) : 1);
  const ThreadHooks hooks{parts.backend.thread_begin, parts.backend.thread_end};

  for (int64_t n = 0; n < batch; ++n) {
    ConvImage image{x + n * plan.input_words(layer), memory.bytes};
    if (plan.copies()) {
      fill_image(layer, plan, image.words, memory.copy);
      image.words = memory.copy;
    }
    if (memory.bytes != nullptr) {
      const auto words = static_cast<int64_t>(plan.image_words(layer));
      parts.backend.expand(image.words, words, memory.bytes);
    }
    if (layer.straddle) clear_words(parts, view);
    const auto run_task = [parts, image, view, split](int64_t index) {
      run_piece(parts, image, view, split.piece(index));
    };
    if (parallel) {
      pool->parallel_for(split.count(), threads, run_task, hooks);
    } else {
      const HooksAround around(hooks);
      for (int64_t b = 0; b < (layer.straddle ? 1 : layer.all_blocks()); ++b) {
        run_piece(parts, image, view, {b, 0, plan.ys.out});
      }
    }
    if (late_signs != nullptr) {
      pack_signs(parts, view, late_signs + n * view.signs_image_step);
    }
    next_image(layer, &view);
  }
}

}  // namespace bnn

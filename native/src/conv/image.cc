#include "conv/image.h"

#include <algorithm>
#include <cstring>

namespace bnn {
namespace {

// Groups start at word boundaries; each channel of a depthwise input stands as often as it is read.
void repack_pixel(const ConvLayer& layer, const uint32_t* source, uint32_t* target) {
  const BConv2DParams& p = layer.params;
  const int32_t copies = p.depthwise ? p.channels_out / p.channels_in : 1;
  std::fill_n(target, layer.pixel_words, 0u);
  for (int32_t c = 0; c < p.channels_in; ++c) {
    const uint32_t bit = source[c / BNN_WORD_BITS] >> (c % BNN_WORD_BITS) & 1u;
    int32_t slot =
        p.depthwise ? c * copies
                    : c / layer.group_in * layer.group_words * BNN_WORD_BITS + c % layer.group_in;
    for (const int32_t end = slot + copies; slot < end; ++slot) {
      target[slot / BNN_WORD_BITS] |= bit << (slot % BNN_WORD_BITS);
    }
  }
}

}  // namespace

void fill_image(const ConvLayer& layer, const ConvPlan& plan, const uint32_t* x, uint32_t* image) {
  const int64_t in_words = words_for(layer.params.channels_in);
  for (int64_t y = 0; y < plan.height; ++y) {
    const uint32_t* source = x + y * plan.width * in_words;
    uint32_t* target = image + ((y + plan.top) * plan.image_width + plan.left) * layer.pixel_words;
    if (!layer.repack) {
      std::memcpy(target, source, static_cast<size_t>(plan.width * in_words) * sizeof(uint32_t));
      continue;
    }
    for (int64_t i = 0; i < plan.width; ++i, source += in_words, target += layer.pixel_words) {
      repack_pixel(layer, source, target);
    }
  }
}

}  // namespace bnn

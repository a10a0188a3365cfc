/* A kernel of a few kilobytes for one small network in a page: 3x3 convolutions of stride 1, binary
 * ones and their float twin, and what lies between them. Without a C library; memory is handed out
 * by the page (bnn_lab/widgets/js/core/small_kernel.js), which also checks sizes.
 *
 * Images that a convolution reads are framed: [height + 2][width + 2][channels], with a border that
 * stays 0, which is +1 as a bit and 0 as a float. All others are [height][width][channels]. Output
 * channels are multiples of 32, and 32 channels of bits make a word.
 */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define SMALL __attribute__((minsize)) /* what takes no time */
#define INLINE static inline __attribute__((always_inline))

/* Sums of 4 neighbouring bytes. */
INLINE v128_t sum_bytes(v128_t bytes) {
  return wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(bytes));
}

/* Accumulators K - 2 * popcount of `pixels` x 16 output channels. Byte sums are
 * flushed after each row of the filter: at most 31 words of 8 bits a byte. */
INLINE void binary_tile(const uint32_t* x, int32_t row_step, const uint32_t* weights, int32_t* out,
                        int32_t words, int32_t channels, const int pixels) {
  v128_t counts[2][4];
  for (int p = 0; p < pixels; ++p) {
    for (int q = 0; q < 4; ++q) counts[p][q] = wasm_i32x4_splat(0);
  }
  for (int ky = 0; ky < 3; ++ky) {
    v128_t sums[2][4];
    for (int p = 0; p < pixels; ++p) {
      for (int q = 0; q < 4; ++q) sums[p][q] = wasm_i32x4_splat(0);
    }
    for (int32_t k = 0; k < 3 * words; ++k, weights += channels) {
      v128_t a[2];
      for (int p = 0; p < pixels; ++p) a[p] = wasm_v128_load32_splat(x + p * words + k);
      for (int q = 0; q < 4; ++q) {
        const v128_t w = wasm_v128_load(weights + 4 * q);
        for (int p = 0; p < pixels; ++p) {
          sums[p][q] = wasm_i8x16_add(sums[p][q], wasm_i8x16_popcnt(wasm_v128_xor(a[p], w)));
        }
      }
    }
    for (int p = 0; p < pixels; ++p) {
      for (int q = 0; q < 4; ++q) {
        counts[p][q] = wasm_i32x4_add(counts[p][q], sum_bytes(sums[p][q]));
      }
    }
    x += row_step;
  }
  const v128_t depth = wasm_i32x4_splat(9 * 32 * words);
  for (int p = 0; p < pixels; ++p) {
    for (int q = 0; q < 4; ++q) {
      wasm_v128_store(out + p * channels + 4 * q,
                      wasm_i32x4_sub(depth, wasm_i32x4_shl(counts[p][q], 1)));
    }
  }
}

/* x: framed bits, `words` a pixel, at most 10. weights: [tap][word][channels]. out: accumulators.
 */
EXPORT(binary_conv)
void binary_conv(const uint32_t* x, const uint32_t* weights, int32_t* out, int32_t height,
                 int32_t width, int32_t words, int32_t channels) {
  const int32_t row_step = (width + 2) * words;
  for (int32_t c = 0; c < channels; c += 16) {
    for (int32_t y = 0; y < height; ++y) {
      const uint32_t* origin = x + y * row_step;
      int32_t* pixel = out + y * width * channels + c;
      int32_t i = 0;
      for (; i + 2 <= width; i += 2, origin += 2 * words, pixel += 2 * channels) {
        binary_tile(origin, row_step, weights + c, pixel, words, channels, 2);
      }
      if (i < width) binary_tile(origin, row_step, weights + c, pixel, words, channels, 1);
    }
  }
}

INLINE void float_tile(const float* x, int32_t row_step, const float* weights, float* out,
                       int32_t channels_in, int32_t channels, const int pixels) {
  v128_t sums[4][2];
  for (int p = 0; p < pixels; ++p) {
    for (int q = 0; q < 2; ++q) sums[p][q] = wasm_f32x4_splat(0);
  }
  for (int ky = 0; ky < 3; ++ky, x += row_step) {
    for (int32_t k = 0; k < 3 * channels_in; ++k, weights += channels) {
      v128_t w[2];
      for (int q = 0; q < 2; ++q) w[q] = wasm_v128_load(weights + 4 * q);
      for (int p = 0; p < pixels; ++p) {
        const v128_t a = wasm_v128_load32_splat(x + p * channels_in + k);
        for (int q = 0; q < 2; ++q) {
          sums[p][q] = wasm_f32x4_add(sums[p][q], wasm_f32x4_mul(a, w[q]));
        }
      }
    }
  }
  for (int p = 0; p < pixels; ++p) {
    for (int q = 0; q < 2; ++q) wasm_v128_store(out + p * channels + 4 * q, sums[p][q]);
  }
}

/* x: framed. weights: [tap][channels_in][channels], as Keras has them. channels_in may be odd. */
EXPORT(float_conv)
void float_conv(const float* x, const float* weights, float* out, int32_t height, int32_t width,
                int32_t channels_in, int32_t channels) {
  const int32_t row_step = (width + 2) * channels_in;
  for (int32_t c = 0; c < channels; c += 8) {
    for (int32_t y = 0; y < height; ++y) {
      const float* origin = x + y * row_step;
      float* pixel = out + y * width * channels + c;
      int32_t i = 0;
      for (; i + 4 <= width; i += 4, origin += 4 * channels_in, pixel += 4 * channels) {
        float_tile(origin, row_step, weights + c, pixel, channels_in, channels, 4);
      }
      for (; i < width; ++i, origin += channels_in, pixel += channels) {
        float_tile(origin, row_step, weights + c, pixel, channels_in, channels, 1);
      }
    }
  }
}

/* Signs into a framed image: bit = x < threshold of the channel. Channels: a multiple of 32. */
#define SIGNS(name, T, less)                                                                     \
  EXPORT(name)                                                                                   \
  SMALL void name(const T* x, const T* threshold, uint32_t* bits, int32_t height, int32_t width, \
                  int32_t channels) {                                                            \
    for (int32_t y = 0; y < height; ++y) {                                                       \
      uint32_t* word = bits + ((y + 1) * (width + 2) + 1) * (channels / 32);                     \
      for (int32_t i = 0; i < width; ++i) {                                                      \
        for (int32_t c = 0; c < channels; c += 32) {                                             \
          uint32_t signs = 0;                                                                    \
          for (int j = 0; j < 32; j += 4, x += 4) {                                              \
            const v128_t mask = less(wasm_v128_load(x), wasm_v128_load(threshold + c + j));      \
            signs |= (uint32_t)wasm_i32x4_bitmask(mask) << j;                                    \
          }                                                                                      \
          *word++ = signs;                                                                       \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
  }
SIGNS(signs_i32, int32_t, wasm_i32x4_lt)
SIGNS(signs_f32, float, wasm_f32x4_lt)

/* Maxima of 2x2 pixels, stride 2; an odd last row or column is left out. */
#define POOL(name, T, max)                                                                 \
  EXPORT(name)                                                                             \
  SMALL void name(const T* x, T* out, int32_t height, int32_t width, int32_t channels) {   \
    const int32_t row = width * channels;                                                  \
    for (int32_t y = 0; y + 2 <= height; y += 2) {                                         \
      for (int32_t i = 0; i + 2 <= width; i += 2) {                                        \
        const T* from = x + y * row + i * channels;                                        \
        for (int32_t c = 0; c < channels; c += 4, from += 4, out += 4) {                   \
          const v128_t above = max(wasm_v128_load(from), wasm_v128_load(from + channels)); \
          from += row;                                                                     \
          const v128_t below = max(wasm_v128_load(from), wasm_v128_load(from + channels)); \
          from -= row;                                                                     \
          wasm_v128_store(out, max(above, below));                                         \
        }                                                                                  \
      }                                                                                    \
    }                                                                                      \
  }
POOL(pool_i32, int32_t, wasm_i32x4_max)
POOL(pool_f32, float, wasm_f32x4_max)

/* max(x * scale + shift, 0) into a framed image: batch normalization and ReLU of the float twin. */
EXPORT(relu_f32)
SMALL void relu_f32(const float* x, const float* scale, const float* shift, float* out,
                    int32_t height, int32_t width, int32_t channels) {
  const v128_t zero = wasm_f32x4_splat(0);
  for (int32_t y = 0; y < height; ++y) {
    float* to = out + ((y + 1) * (width + 2) + 1) * channels;
    for (int32_t i = 0; i < width; ++i) {
      for (int32_t c = 0; c < channels; c += 4, x += 4, to += 4) {
        const v128_t product = wasm_f32x4_mul(wasm_v128_load(x), wasm_v128_load(scale + c));
        const v128_t sum = wasm_f32x4_add(product, wasm_v128_load(shift + c));
        wasm_v128_store(to, wasm_f32x4_max(sum, zero));
      }
    }
  }
}

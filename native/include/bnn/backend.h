/* The function table of a kernel backend.
 *
 * A backend is a folder src/<name>, listed in backends.def. <name>.cc is one translation unit,
 * compiled for one instruction set, that fills one table with leaf functions. It includes only this
 * header, intrinsics and plain C headers, and everything in it is static: otherwise the linker
 * might keep a wide copy of a shared inline function and run it on a CPU that lacks the
 * instructions. cpu.cc says whether a CPU has them, and is compiled for any CPU. CMakeLists.txt has
 * the flags.
 *
 * Leaf functions know nothing of padding, strides, groups or threads. The convolution works on a
 * span: some output pixels of one row x one block of up to 32 output channels. A backend that asks
 * for it gets several rows at once.
 */
#ifndef BNN_BACKEND_H_
#define BNN_BACKEND_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BNN_WORD_BITS 32
#define BNN_BLOCK 32    /* output channels of a span */
#define BNN_MAX_STEPS 8 /* of a fused epilogue */

/* What happens to a float result after x * factor + shift, one rounding a step, in the order of the
 * ops that were fused. */
enum { BNN_STEP_MULTIPLY, BNN_STEP_ADD, BNN_STEP_CLAMP, BNN_STEP_SHORTCUT, BNN_STEP_PRELU };
typedef struct {
  int32_t kind;
  const float* values; /* [32] of this block: what is multiplied, added, or the slopes of PReLU */
  float min, max;      /* of a clamp, which leaves NaN as it is */
} bnn_step;

/* One span of a binary convolution. The window of an output pixel is a list of runs, each
 * contiguous in memory: a row of the filter, or one tap of it if dilated. */
typedef struct {
  const uint32_t* input; /* window origin of the first pixel */
  ptrdiff_t input_step;  /* words from one pixel's window to the next one's */
  const ptrdiff_t* runs; /* word offset of each run from the window origin */
  int32_t run_count;
  int32_t run_words;
  const uint32_t* weights; /* one block, as this backend's pack_weights left it */
  int32_t pixels;          /* >= 1 */
  int32_t channels;        /* valid channels of the block, 1..32 */

  /* With x = 2 * popcount + offset[o] = K - accumulator: */
  const int32_t* offset; /* [32]; non-zero only where zero-padding is corrected */
  int32_t clamp_min;     /* the fused activation, as bounds of x */
  int32_t clamp_max;
  int32_t halves;           /* 1: offset is zero, the bounds are even, 2 * factor is finite */
  int32_t plain;            /* 1: halves, and the clamp does nothing */
  const float* factor;      /* [32]; result = x * factor + shift, two roundings */
  const float* shift;       /* [32] */
  const int32_t* threshold; /* [32]; bit = x > threshold */

  void* output;          /* float*, int8_t* or uint32_t* of the first pixel, this block */
  ptrdiff_t output_step; /* elements from one output pixel to the next */

  /* The fused float epilogue (bconv_f32_fused): y = the steps of x * factor + shift, bit of signs =
   * y < 0. The shortcut may be the output itself: an element is read before it is written. */
  int32_t step_count;
  bnn_step steps[BNN_MAX_STEPS];
  const float* shortcut; /* of the first pixel, this block; what BNN_STEP_SHORTCUT adds */
  ptrdiff_t shortcut_step;
  uint32_t* signs; /* word of the first pixel, this block; NULL: none */
  ptrdiff_t signs_step;

  /* Rows, all alike: `pixels` of each, and the same constants. 1 unless the backend's span_rows
   * says more. Steps lead from a row's first pixel to the next row's, in the units above. Where
   * input_row_step is a multiple of input_step, windows may be counted on over the end of a row. */
  int32_t rows;
  ptrdiff_t input_row_step, output_row_step, shortcut_row_step, signs_row_step;

  /* The input once more, each bit a byte of 0 or 1, so that positions are BNN_WORD_BITS times those
   * in words. After its last window 15 * input_step + 1 further words' worth of bytes may be read,
   * of any value. NULL unless the backend's layer_takes_bytes and span_takes_bytes agree. */
  const uint8_t* bytes;
} bnn_span;

/* One span of a product of ternary weights with int8 activations: some samples x one block. The
 * weights of a block lie [depth / 16][32 channels][4 bytes]; bits 2 * j of byte i are the code
 * (weight + 1: 0, 1 or 2) at depth 4 * j + i of the 16. So a byte's four codes meet activations
 * that lie 4 apart, and 32 bits of a channel meet 32 bits of activations. Codes past the depth or
 * the channels are 0.
 *
 * To the base 3 they lie [depth / 20][32 channels][4 bytes]: byte i is ceil(v * 256 / 243), where v
 * has the digits, most significant first, of the codes at depth i, 4 + i ... 16 + i of the 20. So a
 * byte is a fraction of 256, and tripling it carries one code after another out of it. */
#define BNN_TERNARY_DEPTH 16
#define BNN_BASE3_DEPTH 20
#define BNN_TERNARY_BYTES (BNN_BLOCK * BNN_TERNARY_DEPTH / 4) /* of a group of either form */
typedef struct {
  const int8_t* input;    /* rows of groups * 16 or 20 values, zero past the depth */
  ptrdiff_t input_step;   /* from one sample to the next */
  const uint8_t* weights; /* groups * BNN_TERNARY_BYTES */
  int32_t groups;         /* ceil(depth / 16 or 20); 256 * depth fits 31 bits */
  int32_t samples;        /* >= 1 */
  int32_t channels;       /* valid channels of the block, 1..32 */
  const int32_t* sums; /* of each sample's values: result = sum of code * value - sum of values */
  int32_t* output;
  ptrdiff_t output_step; /* from one sample to the next */
} bnn_ternary_span;

typedef struct {
  const char* name; /* as in backends.def */

  /* The most rows that a span may have; 0 means 1. */
  int32_t span_rows;
  /* May be NULL. On each thread that runs spans, thread_begin is called before the first one of a
   * convolution and thread_end after the last, for state that belongs to the thread, such as the
   * configuration of a tile unit. They do not nest, cannot fail, and do not surround the other
   * functions of this table. */
  void (*thread_begin)(void);
  void (*thread_end)(void);

  /* Of a backend that multiplies bytes; all NULL for others. Whether a convolution of such windows,
   * output pixels and output channels (depthwise ones are not asked about) is worth expanding its
   * input to bytes for; whether a span of it, complete but for `bytes`, is worth reading them; and
   * the expansion. */
  int (*layer_takes_bytes)(int32_t run_count, int32_t run_words, int64_t pixels, int64_t channels);
  int (*span_takes_bytes)(const bnn_span* span);
  void (*expand)(const uint32_t* words, int64_t count, uint8_t* bytes);

  /* Weights of one block. `filter` holds `channels` rows of run_count * run_words words, one
   * every `row_words`. */
  size_t (*packed_words)(int32_t run_count, int32_t run_words);
  void (*pack_weights)(const uint32_t* filter, ptrdiff_t row_words, int32_t channels,
                       int32_t run_count, int32_t run_words, uint32_t* packed);

  void (*bconv_f32)(const bnn_span* span);
  void (*bconv_f32_fused)(const bnn_span* span);
  void (*bconv_i8)(const bnn_span* span);
  void (*bconv_bits)(const bnn_span* span);

  /* Depthwise: bit c of every word belongs to channel c of the block, runs are single words (one
   * tap each, run_words = 1), weights hold one word a tap. popcount is over the taps. */
  void (*dwconv_f32)(const bnn_span* span);
  void (*dwconv_i8)(const bnn_span* span);
  void (*dwconv_bits)(const bnn_span* span);

  /* rows x channels values to rows x ceil(channels / 32) words. bit = x < 0, q < zero_point, or
   * byte == 0 (bool). */
  void (*bitpack_f32)(const float* x, int64_t rows, int64_t channels, uint32_t* words);
  void (*bitpack_i8)(const int8_t* x, int32_t zero_point, int64_t rows, int64_t channels,
                     uint32_t* words);
  void (*bitpack_bool)(const uint8_t* x, int64_t rows, int64_t channels, uint32_t* words);

  /* Words to one of two values per bit. */
  void (*unpack_f32)(const uint32_t* words, int64_t rows, int64_t channels, float* x);
  void (*unpack_i8)(const uint32_t* words, int8_t bit0, int8_t bit1, int64_t rows, int64_t channels,
                    int8_t* x);

  /* out[i] = AND over y, x of input[y * row_words + x * words + i], i < words: one window. */
  void (*bmaxpool)(const uint32_t* input, ptrdiff_t row_words, int32_t rows, int32_t columns,
                   int64_t words, uint32_t* output);

  /* NULL: the scalar backend's serves. */
  void (*ternary)(const bnn_ternary_span* span);
  /* NULL: 2 bits are faster here, or `ternary` is NULL; such weights are packed as 2 bits. */
  void (*ternary_base3)(const bnn_ternary_span* span);

  /* The ceiling of the hardware: runs xor, popcount and add on registers alone, `rounds` times,
   * and returns how many multiply-accumulates that stands for. NULL without a popcount
   * instruction. */
  int64_t (*peak)(int64_t rounds);
} bnn_backend;

/* Of each backend, if it is in this build: its table, and whether this CPU can run it. The table
 * may only be asked for if it can. */
#define BNN_BACKEND(name, architecture, features, description) \
  const bnn_backend* bnn_backend_##name(void);                 \
  int bnn_cpu_runs_##name(void);
#include "bnn/backends.def"
#undef BNN_BACKEND

#ifdef __cplusplus
}
#endif
#endif /* BNN_BACKEND_H_ */

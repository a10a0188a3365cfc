// What TFLite's own ops do, as far as the delegate takes them: steps of a convolution's epilogue,
// averages over the whole image, max-pooling, images joined along their channels, and images padded
// there.
#ifndef BNN_DELEGATE_BUILTINS_H_
#define BNN_DELEGATE_BUILTINS_H_

#include <memory>
#include <vector>

#include "graph.h"
#include "ops.h"

namespace bnn {

// What a builtin op does to operand `x`, as steps of a convolution's epilogue; empty if it cannot
// be taken in. A sum has BNN_STEP_SHORTCUT as its first step.
std::vector<EpilogueStep> steps_of(const tfl::Context* context, const GraphNode& n, int x);
// The same of the first operand for which there are any.
std::vector<EpilogueStep> epilogue_steps(const tfl::Context* context, const GraphNode& n);
// The operand of an op that is such steps and not a sum, kNoTensor for any other.
int step_operand(const tfl::Context* context, const GraphNode& n);
bool is_sum(const std::vector<EpilogueStep>& steps);

// True for a concatenation of images along their channels.
bool is_join_of_channels(const tfl::Context* context, const GraphNode& n);

// True for a PAD that puts channels of zeros before an image's own.
bool is_pad_of_channels(const tfl::Context* context, const GraphNode& n);

// True for a MAX_POOL_2D that make_max_pool() knows.
struct MaxPoolOptions {
  Padding padding = Padding::kValid;
  Activation activation = Activation::kNone;
};
bool read_max_pool(const tfl::Context* context, const GraphNode& n, MaxPoolOptions* options);

// True for an average over the whole image.
bool read_average(const tfl::Context* context, const GraphNode& n, AverageOptions* options);

// A claimed builtin op as an op of its own.
std::unique_ptr<Op> make_builtin(const tfl::Context* context, const GraphNode& n);
const char* builtin_name(int code);

}  // namespace bnn
#endif  // BNN_DELEGATE_BUILTINS_H_

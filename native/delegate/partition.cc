#include "partition.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "bnn/dispatch.h"
#include "claims.h"

namespace bnn {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 40;  // of a tensor; a larger one is a mistake
constexpr int kMaxRank = 16;

// Bytes between two rows if several threads write them. The CPU reads ahead over the end of a row,
// and takes what the next thread is about to write from its cache. Measured between cores without a
// common cache, 14x14x256: two threads gained 1.4 times without gaps, 1.7 with these.
constexpr int64_t kBitGap = 256, kSumGap = 4096;

int64_t byte_size(const Shape& shape, tfl::Type type) {
  int64_t bytes = type == tfl::kInt8 || type == tfl::kBool ? 1 : 4;
  for (int64_t d : shape) {
    if (d < 0 || (d > 0 && bytes > kMaxBytes / d)) {
      throw std::invalid_argument("a tensor is too large");
    }
    bytes *= d;
  }
  return bytes;
}

// LiteRT refuses such files itself; whoever calls the delegate otherwise may not.
void require_data(const TensorView& v) {
  const bool known = v.type == tfl::kFloat32 || v.type == tfl::kInt32 || v.type == tfl::kInt8 ||
                     v.type == tfl::kBool;
  if (v.constant && known && v.bytes < static_cast<size_t>(byte_size(v.shape, v.type))) {
    throw std::invalid_argument("a constant has too little data for its shape");
  }
}

}  // namespace

ThreadPool* DelegateState::pool_of(int wanted) {
  if (wanted > 1 && (pool == nullptr || pool->threads() < wanted)) {
    pool = std::make_unique<ThreadPool>(wanted);
  }
  return pool.get();
}

Partition::Partition(tfl::Context* context, const tfl::DelegateParams& params, DelegateState* state)
    : state_(state) {
  for (int index : *params.nodes_to_replace) {
    const GraphNode n = read_node(context, index);
    Node node;
    node.inputs.assign(std::as_const(*n.node->inputs).begin(),
                       std::as_const(*n.node->inputs).end());
    node.output = only_output(*n.node);
    if (n.registration->builtin_code != tfl::kCustom) {
      node.name = builtin_name(n.registration->builtin_code);
      node.steps = epilogue_steps(context, n);
      node.op = make_builtin(context, n);
    } else {
      node.name = n.registration->custom_name;
      node.quantize = node.name == "LceQuantize";
      guarded(context, node, [&] {
        if (node.output == tfl::kNoTensor) {
          throw std::invalid_argument("must have one output");
        }
        node.op = make_op(node.name, n.node->custom_initial_data,
                          static_cast<size_t>(std::max(n.node->custom_initial_data_size, 0)),
                          *state_->backend);
      });
    }
    nodes_.push_back(std::move(node));
  }
  if (state_->fuse) fuse(context, params);
  for (const Node& node : nodes_) {
    internal_[node.output];
    if (node.signs != tfl::kNoTensor) internal_[node.signs];
  }
  for (int tensor : *params.output_tensors) internal_.erase(tensor);
}

void Partition::fuse(const tfl::Context* context, const tfl::DelegateParams& params) {
  const auto leaves = [&](int tensor) {
    const tfl::IntArray& outputs = *params.output_tensors;
    return std::find(outputs.begin(), outputs.end(), tensor) != outputs.end();
  };
  // The position of the one op that reads a tensor, or nodes_.size().
  const auto only_reader = [&](int tensor) {
    size_t found = nodes_.size();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const auto count = std::count(nodes_[i].inputs.begin(), nodes_[i].inputs.end(), tensor) +
                         (nodes_[i].shortcut == tensor);
      if (count > 1 || (count == 1 && found < nodes_.size())) return nodes_.size();
      if (count == 1) found = i;
    }
    return leaves(tensor) ? nodes_.size() : found;
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].op->fuses() || !is_float(context, nodes_[i].output)) continue;
    if (nodes_[i].shortcut != tfl::kNoTensor) continue;  // met again, at its new position
    size_t at = i;  // where the fused op stands: it must come after the shortcut's producer
    size_t count = 0;
    while (true) {
      const size_t next = only_reader(nodes_[at].output);
      if (next == nodes_.size() || nodes_[next].steps.empty()) break;
      Node& taken = nodes_[next];
      const bool sum = is_sum(taken.steps);
      count += taken.steps.size();
      if (count > BNN_MAX_STEPS || (sum && nodes_[at].shortcut != tfl::kNoTensor)) break;
      for (EpilogueStep& step : taken.steps) nodes_[at].op->fuse(std::move(step));
      if (sum) {
        const bool first = taken.inputs[0] == nodes_[at].output;
        nodes_[at].shortcut = taken.inputs[first ? 1 : 0];
      }
      nodes_[at].output = taken.output;
      if (sum) std::swap(nodes_[at], taken);
      nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(sum ? at : next));
      if (sum) at = next - 1;
    }
    for (size_t q = at + 1; q < nodes_.size(); ++q) {
      if (!nodes_[q].quantize || nodes_[q].inputs != std::vector<int>{nodes_[at].output}) continue;
      nodes_[at].signs = nodes_[q].output;
      nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(q));
      break;
    }
    if (at != i) --i;  // another op moved to position i
  }
}

// Runs `action`; its errors get the op's name and the name of what it writes.
template <class Action>
void Partition::guarded(const tfl::Context* context, const Node& node, Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    const char* name = node.output >= 0 ? context->tensors[node.output].name : nullptr;
    throw std::runtime_error(node.name + " (output '" + (name == nullptr ? "?" : name) +
                             "'): " + error.what());
  }
}

TensorView Partition::view(const tfl::Context* context, int index) const {
  TensorView v;
  if (index == tfl::kNoTensor) return v;
  const tfl::Tensor& tensor = context->tensors[index];
  v.index = index;
  v.type = tensor.type;
  v.scale = tensor.scale;
  v.zero_point = tensor.zero_point;
  v.constant = tensor.allocation_type == tfl::kReadOnly;
  v.data = tensor.data;
  v.bytes = tensor.bytes;
  const auto own = internal_.find(index);
  if (own != internal_.end() && !own->second.shape.empty()) {
    v.shape = own->second.shape;
  } else if (tensor.dims != nullptr && tensor.dims->size >= 0 && tensor.dims->size <= kMaxRank) {
    v.shape.assign(tensor.dims->begin(), tensor.dims->end());
  }
  return v;
}

void Partition::set_shape(tfl::Context* context, int index, const Shape& shape, tfl::Type type) {
  const int64_t bytes = byte_size(shape, type);
  const auto own = internal_.find(index);
  if (own != internal_.end()) {
    own->second.shape = shape;
    own->second.bytes = static_cast<size_t>(bytes);
    own->second.frame = {};
    return;
  }
  const size_t rank = shape.size();
  auto* dims = static_cast<tfl::IntArray*>(std::malloc((rank + 1) * sizeof(int)));
  if (dims == nullptr) throw std::bad_alloc();
  dims->size = static_cast<int>(rank);
  for (size_t i = 0; i < rank; ++i) dims->begin()[i] = static_cast<int>(shape[i]);
  if (context->ResizeTensor(context, &context->tensors[index], dims) != tfl::kOk) {
    throw std::runtime_error("the output cannot be resized");
  }
}

void Partition::prepare(tfl::Context* context) {
  const int threads =
      state_->threads > 0 ? state_->threads : std::max(context->recommended_num_threads, 1);
  context_.backend = state_->backend;
  context_.threads = std::min(threads, kMaxThreads);
  context_.pool = state_->pool_of(context_.threads);
  for (Node& node : nodes_) {
    guarded(context, node, [&] {
      node.tensors.inputs.clear();
      for (int index : node.inputs) {
        node.tensors.inputs.push_back(view(context, index));
        require_data(node.tensors.inputs.back());
      }
      node.tensors.output = view(context, node.output);
      node.tensors.shortcut = view(context, node.shortcut);
      node.tensors.signs = view(context, node.signs);
      const Shape shape = node.op->prepare(node.tensors);
      if (node.shortcut != tfl::kNoTensor && node.tensors.shortcut.shape != shape) {
        throw std::invalid_argument("the shortcut that is added has another shape");
      }
      node.tensors.output.shape = shape;
      set_shape(context, node.output, shape, node.tensors.output.type);
      if (node.signs != tfl::kNoTensor) {
        Shape words = shape;
        words.back() = words_for(words.back());
        node.tensors.signs.shape = words;
        set_shape(context, node.signs, words, tfl::kInt32);
      }
    });
  }
  plan_frames();
  plan_buffers();
  const auto place = [&](TensorView* v) {
    const auto own = internal_.find(v->index);
    if (own == internal_.end()) return;
    v->data = buffers_[own->second.buffer].data();
    v->frame = own->second.frame;
  };
  for (Node& node : nodes_) {
    for (TensorView& v : node.tensors.inputs) place(&v);
    for (TensorView* v : {&node.tensors.output, &node.tensors.shortcut, &node.tensors.signs}) {
      place(v);
    }
    node.op->lay_out(node.tensors);
  }
}

// Bits that only convolutions read, all with the same padding, are written into it, so that no
// convolution has to copy its input, which one thread would do for all. With several threads rows
// are also kept apart, of these and of sums that are only added on.
void Partition::plan_frames() {
  const auto gap = [&](int64_t bytes, int64_t pixel_bytes) {
    return context_.threads > 1 ? (bytes + pixel_bytes - 1) / pixel_bytes : 0;
  };
  for (auto& [tensor, own] : internal_) {
    if (own.shape.size() != 4 || own.bytes == 0) continue;
    Frame frame;
    bool bits = true, sum = true, framed = true;  // so far
    for (const Node& node : nodes_) {
      if (node.output == tensor || node.signs == tensor) framed &= node.op->writes_frames();
      bits &= node.shortcut != tensor;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != tensor) continue;
        const Frame wanted = node.op->frame();
        bits &= i == 0 && !wanted.empty() && (frame.empty() || frame == wanted);
        sum = false;
        frame = wanted;
      }
    }
    const int64_t pixel_bytes = 4 * own.shape[3];
    if (framed && bits && !frame.empty()) {
      frame.width += gap(kBitGap, pixel_bytes);
    } else if (framed && sum && context_.threads > 1) {
      frame = {0, 0, own.shape[1], own.shape[2] + gap(kSumGap, pixel_bytes)};
    } else {
      continue;
    }
    own.frame = frame;
    own.bits = bits;
    own.bytes = static_cast<size_t>(byte_size(
        {own.shape[0], frame.height, frame.width, own.shape[3]}, tfl::kInt32));  // or float
  }
}

// Tensors share buffers as soon as nobody reads the earlier one any more; those in a frame only
// with others of the same layout, since what surrounds them must stay zero. A sum overwrites its
// shortcut in place, which halves what a residual block asks of the cache: every element is read
// before it is written, by the same thread.
void Partition::plan_buffers() {
  std::map<int, size_t> last_use;  // of internal tensors: the position of a node
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    for (int tensor : node.inputs) last_use[tensor] = i;
    for (int tensor : {node.shortcut, node.output, node.signs}) last_use[tensor] = i;
  }
  // Frame, batch and words; all 0 without a frame.
  using Layout = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>;
  std::vector<size_t> sizes;
  std::vector<Layout> layouts;
  std::vector<size_t> free;
  const auto take = [&](int tensor) {
    const auto own = internal_.find(tensor);
    if (own == internal_.end()) return;
    const size_t bytes = own->second.bytes;
    const Frame& f = own->second.frame;
    const Shape& shape = own->second.shape;
    const Layout layout = f.empty() || !own->second.bits
                              ? Layout()
                              : Layout(f.top, f.left, f.height, f.width, shape[0], shape[3]);
    // The smallest that is large enough, or else the largest, which then grows.
    auto best = free.end();
    for (auto it = free.begin(); it != free.end(); ++it) {
      if (layouts[*it] != layout) continue;
      const bool fits = sizes[*it] >= bytes;
      const bool better =
          best == free.end() ||
          (sizes[*best] >= bytes ? fits && sizes[*it] < sizes[*best] : sizes[*it] > sizes[*best]);
      if (better) best = it;
    }
    if (best == free.end()) {
      own->second.buffer = sizes.size();
      sizes.push_back(bytes);
      layouts.push_back(layout);
      return;
    }
    own->second.buffer = *best;
    sizes[*best] = std::max(sizes[*best], bytes);
    free.erase(best);
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const auto shortcut = internal_.find(node.shortcut);
    const auto output = internal_.find(node.output);
    const bool in_place = shortcut != internal_.end() && output != internal_.end() &&
                          last_use[node.shortcut] == i &&
                          shortcut->second.frame == output->second.frame;
    if (in_place) {
      output->second.buffer = shortcut->second.buffer;
    } else {
      take(node.output);
    }
    take(node.signs);
    std::set<int> done(node.inputs.begin(), node.inputs.end());
    done.insert({node.shortcut, node.output, node.signs});
    if (in_place) done.erase(node.shortcut);
    for (int tensor : done) {
      const auto own = internal_.find(tensor);
      if (own != internal_.end() && last_use[tensor] == i) free.push_back(own->second.buffer);
    }
  }
  buffers_.resize(sizes.size());
  for (size_t b = 0; b < sizes.size(); ++b) {
    if (buffers_[b].size() < sizes[b] || layouts[b] != Layout()) {
      buffers_[b] = AlignedBuffer<char>(sizes[b]);  // zeros
    }
  }
}

// LiteRT may move what it allocated between two runs. In a file whose ops are not in order, a later
// op may have resized what was prepared already.
void Partition::point(const tfl::Context* context, TensorView* v) const {
  if (v->index == tfl::kNoTensor || internal_.count(v->index)) return;
  const tfl::Tensor& tensor = context->tensors[v->index];
  v->data = tensor.data;
  const tfl::IntArray* dims = tensor.dims;
  const bool same = dims == nullptr
                        ? v->shape.empty()
                        : std::equal(dims->begin(), dims->end(), v->shape.begin(), v->shape.end());
  if (!same) throw std::invalid_argument("a tensor was resized by an op that comes later");
}

void Partition::run(tfl::Context* context) {
  for (Node& node : nodes_) {
    guarded(context, node, [&] {
      for (TensorView& v : node.tensors.inputs) point(context, &v);
      for (TensorView* v : {&node.tensors.output, &node.tensors.shortcut, &node.tensors.signs}) {
        point(context, v);
      }
      node.op->run(node.tensors, context_);
    });
  }
}

}  // namespace bnn

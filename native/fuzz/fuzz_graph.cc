// Fuzzes what the delegate makes of a whole graph: which nodes it claims, what it fuses, how it
// lays out memory. A graph must be refused with an exception or run within its memory, and its
// results must be those of the same nodes one by one, on one thread, before and after its inputs'
// sizes change.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "bnn/dispatch.h"
#include "claims.h"
#include "fuzzing.h"
#include "partition.h"

namespace {

using bnn::Shape;
namespace tfl = bnn::tfl;

struct TensorSpec {
  tfl::Type type;
  bool constant, short_of_data;
  Shape shape;
  Shape later;  // the shape of an input after it was resized
  float scale;
  int32_t zero_point;
};

struct NodeSpec {
  int code = tfl::kCustom;
  std::string name;
  std::vector<uint8_t> options;
  tfl::PoolParams pool{};  // its first member also serves as ArithmeticParams and ReducerParams
  std::vector<int> inputs;
  int output;
};

struct Graph {
  const bnn_backend* backend;
  int threads;
  std::vector<TensorSpec> tensors;
  std::vector<NodeSpec> nodes;
  std::set<int> outputs;
  uint32_t seed;
};

TensorSpec read_tensor(Bytes* in) {
  static const tfl::Type kTypes[] = {tfl::kFloat32, tfl::kInt32, tfl::kInt8, tfl::kBool,
                                     tfl::kNoType};
  TensorSpec t;
  const uint8_t flags = in->byte();
  t.type = kTypes[(flags & 0x3f) % 5];
  t.short_of_data = flags & 0x40;
  const int rank = in->byte() % 6;
  for (int i = 0; i < rank; ++i) {
    const uint8_t d = in->byte();
    t.shape.push_back(d == 255 ? static_cast<int32_t>(in->word()) : d % 72);
    t.later.push_back(t.shape.back());
  }
  t.constant = flags & 0x80 && elements(t.shape) >= 0;
  const uint8_t grown = in->byte();
  for (int i = 0; i < 3 && i < rank; ++i) t.later[i] += grown >> (2 * i) & 3;
  t.scale = static_cast<float>(in->byte()) / 16;
  t.zero_point = static_cast<int8_t>(in->byte());
  return t;
}

int read_index(Bytes* in, size_t count) {
  const uint8_t index = in->byte();
  return index == 255 ? tfl::kNoTensor : static_cast<int>(index % count);
}

NodeSpec read_node(Bytes* in, size_t tensors) {
  static const char* kNames[] = {"LceQuantize",   "LceDequantize",     "LceBconv2d",
                                 "LceBMaxPool2d", "BnnLabDepthwise2d", "BnnLabTranspose2d"};
  static const int kCodes[] = {tfl::kAdd,
                               tfl::kMul,
                               tfl::kRelu,
                               tfl::kReluN1To1,
                               tfl::kRelu6,
                               tfl::kMean,
                               tfl::kAveragePool2d,
                               tfl::kSub,
                               tfl::kPrelu,
                               tfl::kLeakyRelu,
                               3,  // CONV_2D
                               tfl::kConcatenation,
                               tfl::kMaxPool2d};
  NodeSpec node;
  const int kind = in->byte() % 19;
  if (kind < 6) {
    node.name = kNames[kind];
    node.options = in->take(in->byte());
  } else {
    node.code = kCodes[kind - 6];
    int* const fields[] = {&node.pool.padding,       &node.pool.stride_width,
                           &node.pool.stride_height, &node.pool.filter_width,
                           &node.pool.filter_height, &node.pool.activation};
    for (int* field : fields) *field = in->byte() % 8;
    if (node.code == tfl::kMean) node.pool.padding = node.pool.padding & 1;
  }
  for (int left = in->byte() % 7; left > 0; --left) node.inputs.push_back(read_index(in, tensors));
  node.output = read_index(in, tensors);
  return node;
}

Graph read_graph(const uint8_t* data, size_t size) {
  Bytes in(data, size);
  Graph graph;
  const auto backends = bnn::available_backends();
  graph.backend = &bnn::select_backend(backends[in.byte() % backends.size()]);
  graph.threads = 1 + in.byte() % 3;
  graph.seed = in.word();
  const size_t tensors = 1 + in.byte() % 48;
  for (size_t i = 0; i < tensors; ++i) graph.tensors.push_back(read_tensor(&in));
  for (int left = in.byte() % 20; left > 0; --left) {
    graph.nodes.push_back(read_node(&in, tensors));
  }
  for (int left = in.byte() % 8; left > 0; --left) graph.outputs.insert(read_index(&in, tensors));
  return graph;
}

// Every tensor is written once at most, and read only afterwards: then results are defined.
bool is_proper(const Graph& graph) {
  std::set<int> written, all;
  for (const NodeSpec& node : graph.nodes) all.insert(node.output);
  for (const NodeSpec& node : graph.nodes) {
    for (int tensor : node.inputs) {
      if (all.count(tensor) && !written.count(tensor)) return false;
    }
    if (!written.insert(node.output).second) return false;
  }
  return true;
}

// The part of LiteRT's interpreter that the delegate talks to.
class Runtime {
 public:
  explicit Runtime(const Graph& graph) : graph_(graph), memory_(graph.tensors.size()) {
    context_.tensors_size = graph.tensors.size();
    context_.impl = this;
    context_.recommended_num_threads = 1;
    context_.GetExecutionPlan = [](tfl::Context* context, tfl::IntArray** plan) {
      *plan = self(context).plan_;
      return tfl::kOk;
    };
    context_.GetNodeAndRegistration = [](tfl::Context* context, int index, tfl::Node** node,
                                         tfl::Registration** registration) {
      *node = &self(context).nodes_.at(static_cast<size_t>(index));
      *registration = &self(context).registrations_.at(static_cast<size_t>(index));
      return tfl::kOk;
    };
    context_.ResizeTensor = [](tfl::Context* context, tfl::Tensor* tensor, tfl::IntArray* dims) {
      return self(context).resize(tensor, dims);
    };
    for (size_t i = 0; i < graph.tensors.size(); ++i) add_tensor(graph.tensors[i], i);
    context_.tensors = tensors_.data();
    std::vector<int> order;
    for (const NodeSpec& spec : graph.nodes) {
      order.push_back(static_cast<int>(order.size()));
      tfl::Node node{};
      node.inputs = array(spec.inputs);
      node.outputs = array({spec.output});
      params_.push_back(std::make_unique<tfl::PoolParams>(spec.pool));
      tfl::Registration registration{};
      registration.builtin_code = spec.code;
      if (spec.code == tfl::kCustom) {
        registration.custom_name = spec.name.c_str();
        node.custom_initial_data = spec.options.data();
        node.custom_initial_data_size = static_cast<int>(spec.options.size());
      } else {
        node.builtin_data = params_.back().get();
        if (spec.code == tfl::kAdd || spec.code == tfl::kMul || spec.code == tfl::kSub) {
          params_.back()->padding = spec.pool.activation;
        }
      }
      nodes_.push_back(node);
      registrations_.push_back(registration);
    }
    plan_ = array(order);
  }
  ~Runtime() {
    for (tfl::IntArray* a : arrays_) std::free(a);
    for (tfl::Tensor& tensor : tensors_) std::free(tensor.dims);
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  tfl::Context* context() { return &context_; }

  // Of nodes that follow each other.
  std::unique_ptr<bnn::Partition> partition(const std::vector<int>& nodes,
                                            bnn::DelegateState* state) {
    std::set<int> inside(nodes.begin(), nodes.end()), written, left;
    for (int index : nodes) written.insert(graph_.nodes[static_cast<size_t>(index)].output);
    written.erase(tfl::kNoTensor);
    for (int tensor : written) {
      if (graph_.outputs.count(tensor)) left.insert(tensor);
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (inside.count(static_cast<int>(i))) continue;
      for (int tensor : graph_.nodes[i].inputs) {
        if (written.count(tensor)) left.insert(tensor);
      }
    }
    tfl::DelegateParams params{};
    params.delegate = &state->delegate;
    params.nodes_to_replace = array(nodes);
    params.input_tensors = array({});
    params.output_tensors = array({left.begin(), left.end()});
    return std::make_unique<bnn::Partition>(&context_, params, state);
  }

  void resize_inputs() {
    std::set<int> written;
    for (const NodeSpec& node : graph_.nodes) written.insert(node.output);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const TensorSpec& spec = graph_.tensors[i];
      if (spec.constant || written.count(static_cast<int>(i))) continue;
      resize(&tensors_[i], fresh_array({spec.later.begin(), spec.later.end()}));
    }
  }

  // As LiteRT after all was prepared. Memory is exactly as large as needed, for ASan to see.
  void allocate() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (!graph_.tensors[i].constant) fill(i, false);
    }
  }

  std::vector<uint8_t> contents(int tensor) const {
    const auto& memory = memory_[static_cast<size_t>(tensor)];
    return {memory.get(), memory.get() + tensors_[static_cast<size_t>(tensor)].bytes};
  }

 private:
  static Runtime& self(tfl::Context* context) { return *static_cast<Runtime*>(context->impl); }

  static tfl::IntArray* fresh_array(const std::vector<int>& values) {
    auto* a = static_cast<tfl::IntArray*>(std::malloc((values.size() + 1) * sizeof(int)));
    a->size = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), a->begin());
    return a;
  }

  tfl::IntArray* array(const std::vector<int>& values) {
    arrays_.push_back(fresh_array(values));
    return arrays_.back();
  }

  void add_tensor(const TensorSpec& spec, size_t i) {
    tfl::Tensor tensor{};
    tensor.type = spec.type;
    tensor.dims = fresh_array({spec.shape.begin(), spec.shape.end()});
    tensor.scale = spec.scale;
    tensor.zero_point = spec.zero_point;
    tensor.allocation_type = spec.constant ? tfl::kReadOnly : tfl::kNoMemory;
    tensors_.push_back(tensor);
    if (spec.constant) fill(i, spec.short_of_data);
  }

  tfl::Status resize(tfl::Tensor* tensor, tfl::IntArray* dims) {
    const bool fits = tensor->allocation_type != tfl::kReadOnly &&
                      elements(Shape(dims->begin(), dims->end())) >= 0;
    if (!fits) {
      std::free(dims);
      return tfl::kError;
    }
    std::free(tensor->dims);
    tensor->dims = dims;
    return tfl::kOk;
  }

  // Bits, axes, or floats that are small multiples of 1/16 with some infinities and NaNs.
  void fill(size_t i, bool half) {
    tfl::Tensor& tensor = tensors_[i];
    const int64_t count = elements(Shape(tensor.dims->begin(), tensor.dims->end()));
    if (count < 0) throw std::invalid_argument("too large to fuzz");
    tensor.bytes = static_cast<size_t>(count) * element_size(tensor.type) / (half ? 2 : 1);
    memory_[i].reset(new uint8_t[tensor.bytes]);
    uint32_t state = graph_.seed + 2654435769u * static_cast<uint32_t>(i + 1);
    for (size_t at = 0; at < tensor.bytes; at += 4) {
      for (int round = 0; round < 3; ++round) state = (state ^ (state >> 15)) * 2246822519u + 1;
      float value = static_cast<float>(static_cast<int8_t>(state >> 8)) / 16;
      if (state % 997 == 0) value = state & 1 << 20 ? INFINITY : NAN;
      uint32_t bits = tensor.bytes == 8 ? state % 8 - 4 : state;
      if (tensor.type == tfl::kFloat32) std::memcpy(&bits, &value, sizeof(bits));
      std::memcpy(memory_[i].get() + at, &bits, std::min<size_t>(4, tensor.bytes - at));
    }
    tensor.data = memory_[i].get();
  }

  const Graph& graph_;
  tfl::Context context_{};
  std::vector<tfl::Tensor> tensors_;
  std::vector<std::unique_ptr<uint8_t[]>> memory_;
  std::vector<tfl::Node> nodes_;
  std::vector<tfl::Registration> registrations_;
  std::vector<std::unique_ptr<tfl::PoolParams>> params_;
  std::vector<tfl::IntArray*> arrays_;
  tfl::IntArray* plan_ = nullptr;
};

using Results = std::vector<std::vector<uint8_t>>;  // of the outputs, before and after resizing

// Nodes that follow each other are one partition, as LiteRT would group them, or each is its own.
// Nodes that are not claimed do not run: what they write is filled like an input.
Results run(const Graph& graph, const std::vector<int>& claimed, bool together) {
  Runtime runtime(graph);
  bnn::DelegateState state;
  state.backend = graph.backend;
  state.threads = together ? graph.threads : 1;
  state.fuse = together;
  std::vector<std::unique_ptr<bnn::Partition>> partitions;
  for (size_t first = 0, last = 0; first < claimed.size(); first = last) {
    last = first + 1;
    while (together && last < claimed.size() && claimed[last] == claimed[last - 1] + 1) ++last;
    partitions.push_back(runtime.partition(
        {claimed.begin() + static_cast<long>(first), claimed.begin() + static_cast<long>(last)},
        &state));
  }
  Results results;
  for (int pass = 0; pass < 2; ++pass) {
    if (pass == 1) runtime.resize_inputs();
    for (auto& partition : partitions) partition->prepare(runtime.context());
    runtime.allocate();
    for (auto& partition : partitions) partition->run(runtime.context());
    for (int tensor : graph.outputs) {
      if (tensor != tfl::kNoTensor) results.push_back(runtime.contents(tensor));
    }
  }
  return results;
}

// Bit for bit, but that a NaN equals every NaN where all are floats.
bool equal(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, tfl::Type type) {
  if (a.size() != b.size()) return false;
  if (type != tfl::kFloat32) return a == b;
  for (size_t at = 0; at + 4 <= a.size(); at += 4) {
    float x, y;
    std::memcpy(&x, a.data() + at, 4);
    std::memcpy(&y, b.data() + at, 4);
    if (std::memcmp(&x, &y, 4) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Graph graph = read_graph(data, size);
  std::vector<int> claimed;
  Results together, apart;
  try {
    Runtime runtime(graph);
    claimed = bnn::claim_nodes(runtime.context(), true);
    together = run(graph, claimed, true);
    if (!is_proper(graph)) return 0;
    apart = run(graph, claimed, false);
  } catch (const std::exception&) {  // refused, as it should be
    return 0;
  }
  size_t i = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int tensor : graph.outputs) {
      if (tensor == tfl::kNoTensor) continue;
      if (!equal(together[i], apart[i], graph.tensors[static_cast<size_t>(tensor)].type)) {
        std::printf("tensor %d differs in pass %d\n", tensor, pass);
        std::abort();
      }
      ++i;
    }
  }
  return 0;
}

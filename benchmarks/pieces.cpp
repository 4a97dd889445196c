// The pieces of a training step, for ./course bench pieces: optimizers, batches, matrix products,
// and the decoding of the data.
#include <benchmark/benchmark.h>
#include <torch/torch.h>
#include <zlib.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "data/find.h"
#include "data/image_set.h"
#include "data/in_memory_loader.h"
#include "data/permutation.h"
#include "device/denormals.h"
#include "device/threads.h"
#include "lit/optim/optimizers.h"

namespace {

using torch::Tensor;

constexpr int64_t kBatch = 64;

// --- Optimizers: the 535,818 parameters of the MLP --------------------------------------------

std::vector<Tensor> mlp_parameters() {
  torch::manual_seed(0);
  std::vector<Tensor> parameters;
  for (const auto& [in, out] : {std::pair{784, 512}, std::pair{512, 256}, std::pair{256, 10}}) {
    for (Tensor& p : torch::nn::Linear(in, out)->parameters()) parameters.push_back(p);
  }
  for (Tensor& p : parameters) p.mutable_grad() = torch::randn_like(p) * 1e-2;
  return parameters;
}

template <typename Optimizer>
void step(benchmark::State& state) {
  Optimizer optimizer(mlp_parameters(), 1e-3);
  for (auto _ : state) optimizer.step();
}
BENCHMARK(step<torch::optim::Adam>)->Name("adam/torch::optim");
BENCHMARK(step<lit::Adam>)->Name("adam/lit");
BENCHMARK(step<torch::optim::AdamW>)->Name("adamw/torch::optim");
BENCHMARK(step<lit::AdamW>)->Name("adamw/lit");
BENCHMARK(step<torch::optim::SGD>)->Name("sgd/torch::optim");
BENCHMARK(step<lit::SGD>)->Name("sgd/lit");

// --- Batches: 64 shuffled pictures of 60,000 --------------------------------------------------

struct Pictures {
  Tensor bytes = torch::randint(256, {60000, 784}, torch::kUInt8);
  Tensor floats = bytes.to(torch::kFloat32).div_(255);
  Tensor labels = torch::randint(10, {60000}, torch::kInt64);
};
const Pictures& pictures() {
  static const Pictures made;
  return made;
}

// What cannot be less: a copy of each row into memory that is there already.
void memcpy_gather(benchmark::State& state) {
  const Pictures& set = pictures();
  const Tensor order = course::permutation(0, 0, 60000);
  const int64_t* index = order.data_ptr<int64_t>();
  const float* from = set.floats.data_ptr<float>();
  const int64_t* labels = set.labels.data_ptr<int64_t>();
  std::vector<float> to(kBatch * 784);
  std::vector<int64_t> targets(kBatch);
  int64_t at = 0;
  for (auto _ : state) {
    if (at + kBatch > 60000) at = 0;
    for (int64_t i = 0; i < kBatch; ++i, ++at) {
      std::memcpy(&to[static_cast<size_t>(i * 784)], from + index[at] * 784, 784 * sizeof(float));
      targets[static_cast<size_t>(i)] = labels[index[at]];
    }
    benchmark::DoNotOptimize(to.data());
  }
}
BENCHMARK(memcpy_gather)->Name("batch/memcpy");

void index_select(benchmark::State& state) {
  const Pictures& set = pictures();
  const Tensor order = course::permutation(0, 0, 60000);
  int64_t at = 0;
  for (auto _ : state) {
    if (at + kBatch > 60000) at = 0;
    const Tensor rows = order.narrow(0, at, kBatch);
    benchmark::DoNotOptimize(set.floats.index_select(0, rows).data_ptr());
    benchmark::DoNotOptimize(set.labels.index_select(0, rows).data_ptr());
    at += kBatch;
  }
}
BENCHMARK(index_select)->Name("batch/index_select");

void in_memory(benchmark::State& state, bool bytes) {
  const Pictures& set = pictures();
  course::InMemoryLoaderOptions options{.batch_size = kBatch, .shuffle = true, .drop_last = true};
  if (bytes) options.to_float = course::ToFloat{};
  const course::InMemoryLoader loader(bytes ? set.bytes : set.floats, set.labels, options);
  auto epoch = std::make_unique<course::InMemoryLoader::Epoch>(loader.epoch(0));
  auto batch = epoch->begin();
  for (auto _ : state) {
    benchmark::DoNotOptimize(batch->data.data_ptr());
    ++batch;
    if (batch != std::default_sentinel) continue;
    state.PauseTiming();
    epoch = std::make_unique<course::InMemoryLoader::Epoch>(loader.epoch(0));
    batch = epoch->begin();
    state.ResumeTiming();
  }
}
BENCHMARK_CAPTURE(in_memory, floats, false)->Name("batch/InMemoryLoader");
BENCHMARK_CAPTURE(in_memory, bytes, true)->Name("batch/InMemoryLoader, bytes to float");

struct Samples : torch::data::datasets::Dataset<Samples> {
  torch::data::Example<> get(size_t index) override {
    const auto i = static_cast<int64_t>(index);
    return {pictures().floats[i], pictures().labels[i]};
  }
  torch::optional<size_t> size() const override { return 60000; }
};

void data_loader(benchmark::State& state) {
  auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
      Samples().map(torch::data::transforms::Stack<>()), kBatch);
  auto batch = loader->begin();
  for (auto _ : state) {
    benchmark::DoNotOptimize(batch->data.data_ptr());
    if (++batch != loader->end()) continue;
    state.PauseTiming();
    batch = loader->begin();
    state.ResumeTiming();
  }
}
BENCHMARK(data_loader)->Name("batch/torch::data::DataLoader");

// --- Matrix products --------------------------------------------------------------------------

// The machine's rate: two matrices that fit into the cache.
void gemm(benchmark::State& state) {
  const Tensor a = torch::randn({1024, 1024}), b = torch::randn({1024, 1024});
  Tensor c = torch::empty({1024, 1024});
  for (auto _ : state) torch::mm_out(c, a, b);
  state.counters["flops"] =
      benchmark::Counter(2.0 * 1024 * 1024 * 1024, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(gemm)->Name("gemm/1024");

// Those of one step of the MLP: forward, the gradients of the weights, and those of the inputs of
// all layers but the first.
void mlp_products(benchmark::State& state) {
  struct Layer {
    Tensor x, w, y;
  };
  std::vector<Layer> layers;
  double flops = 0;
  for (const auto& [in, out] : {std::pair{784, 512}, std::pair{512, 256}, std::pair{256, 10}}) {
    layers.push_back(
        {torch::randn({kBatch, in}), torch::randn({out, in}), torch::randn({kBatch, out})});
    flops += 2.0 * kBatch * in * out * (in == 784 ? 2 : 3);
  }
  for (auto _ : state) {
    for (const Layer& layer : layers) {
      benchmark::DoNotOptimize(torch::mm(layer.x, layer.w.t()).data_ptr());
      benchmark::DoNotOptimize(torch::mm(layer.y.t(), layer.x).data_ptr());
      if (layer.x.size(1) != 784) benchmark::DoNotOptimize(torch::mm(layer.y, layer.w).data_ptr());
    }
  }
  state.counters["flops"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(mlp_products)->Name("gemm/mlp step");

// --- Decoding ---------------------------------------------------------------------------------

std::string packed_images() {
  const auto folder = course::find_data("").folder;
  std::ifstream file(folder / "train-images-idx3-ubyte.gz", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void zlib(benchmark::State& state) {
  const std::string packed = packed_images();
  if (packed.empty()) return state.SkipWithError("there is no train-images-idx3-ubyte.gz");
  std::vector<Bytef> bytes(16 + 60000 * 784);
  for (auto _ : state) {
    z_stream stream{};
    inflateInit2(&stream, 16 + MAX_WBITS);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = bytes.data();
    stream.avail_out = static_cast<uInt>(bytes.size());
    if (inflate(&stream, Z_FINISH) != Z_STREAM_END) state.SkipWithError("zlib cannot unpack it");
    inflateEnd(&stream);
  }
}
BENCHMARK(zlib)->Name("decode/zlib")->Unit(benchmark::kMillisecond);

void load(benchmark::State& state) {
  const auto location = course::find_data("");
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        course::load_image_set(location, course::Split::train).images.data_ptr());
  }
}
BENCHMARK(load)->Name("decode/load_image_set")->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  course::set_up_threads();
  const course::FlushDenormals flush;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

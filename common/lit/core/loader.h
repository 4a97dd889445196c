// Where batches come from: any loader of torch::data, the in-memory loader of this project, or a
// class of your own.
#pragma once

#include <torch/data/dataloader.h>
#include <torch/data/example.h>
#include <torch/data/samplers/random.h>

#include <algorithm>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/in_memory_loader.h"
#include "lit/core/batch.h"
#include "lit/core/random_state.h"
#include "serialize/value.h"
#include "terminal/interrupt.h"

namespace lit {

/// A source of batches that the Trainer walks through once for each epoch. Derive from it for one
/// of your own.
class Loader {
 public:
  virtual ~Loader() = default;

  /// Batches in an epoch; none if they are unknown before the end.
  virtual std::optional<int64_t> batches() const = 0;
  /// Begins epoch number `epoch` (from 0 on), wherever the last one stopped.
  virtual void begin_epoch(int64_t epoch) = 0;
  /// The next batch of the epoch; none when it is over.
  virtual std::optional<Batch> next() = 0;

  /// Passes over the next batches of the epoch; by default they are fetched, and dropped.
  /// @returns how many there were
  virtual int64_t pass_over(int64_t batches);

  /// Does every epoch have another order? The Trainer warns of a shuffling loader in an evaluation.
  virtual bool shuffles() const { return false; }
  /// The same batches always in the same order, for overfit_batches; nullptr: cannot be had.
  virtual std::shared_ptr<Loader> unshuffled() const { return nullptr; }

  /// Where it stands: with this, a loader made in the same way hands out the batch that this one
  /// would hand out next. The begin_epoch() after load_state_dict() resumes there, in the middle of
  /// its epoch; the one after that begins as ever.
  virtual course::Dict state_dict() const = 0;
  virtual void load_state_dict(const course::Dict& state) = 0;
};

/// What a loader of torch::data may yield, as a Batch. An Example becomes the tensors "data" and
/// "target".
inline Batch to_batch(Batch batch) {
  return batch;
}
inline Batch to_batch(torch::Tensor tensor) {
  return Batch(std::move(tensor));
}
inline Batch to_batch(torch::data::Example<> example) {
  return {{"data", std::move(example.data)}, {"target", std::move(example.target)}};
}
inline Batch to_batch(torch::data::TensorExample example) {
  return {{"data", std::move(example.data)}};
}
inline Batch to_batch(const std::vector<torch::Tensor>& tensors) {
  std::vector<Batch::Item> items;
  for (const auto& tensor : tensors) items.push_back({"", tensor});
  return Batch(std::move(items));
}
template <typename... T>
requires(sizeof...(T) > 0 && (std::same_as<T, torch::Tensor> && ...)) Batch
    to_batch(const std::tuple<T...>& tensors) {
  return std::apply([](const auto&... tensor) { return Batch{tensor...}; }, tensors);
}

/// Adapts a loader of torch::data:
///
///     auto train = lit::loader(torch::data::make_data_loader<RandomSampler>(dataset, 64),
///     batches);
///
/// @param batches how many there are in an epoch: the loaders of libtorch do not tell. Without it
///                the Trainer fetches one batch ahead to know the last.
///
/// An epoch that is left before its end is dropped: workers finish what they have begun, and no
/// further sample is read.
///
/// Its state is that of libtorch's global generator before the epoch began, and how many batches it
/// has handed out: loading it draws the same order again and passes over as many. Where a sampler
/// names the samples by their indices, none of these is read; else they are, and dropped.
template <typename DataLoader>
std::shared_ptr<Loader> loader(std::unique_ptr<DataLoader> data_loader,
                               std::optional<int64_t> batches = std::nullopt);

/// Adapts the in-memory loader; its batches are the tensors "data" and "target".
///
/// @param first_epoch number under which it knows the Trainer's epoch 0: for the order of a loop
///                    that counts otherwise
std::shared_ptr<Loader> loader(course::InMemoryLoader in_memory, int64_t first_epoch = 0);

/// No loader, one, or several: what the entry points of the Trainer and the loader methods of
/// modules take, made from a loader by itself.
class Loaders {
 public:
  Loaders() = default;
  Loaders(std::nullptr_t) {}
  template <std::derived_from<Loader> L>
  Loaders(std::shared_ptr<L> one) {
    if (one != nullptr) all_.push_back(std::move(one));
  }
  Loaders(course::InMemoryLoader one) : all_{loader(std::move(one))} {}
  template <typename DataLoader>
  Loaders(std::unique_ptr<DataLoader> one) : all_{loader(std::move(one))} {}
  Loaders(std::vector<std::shared_ptr<Loader>> several) : all_(std::move(several)) {}
  Loaders(std::initializer_list<std::shared_ptr<Loader>> several) : all_(several) {}

  bool empty() const { return all_.empty(); }
  size_t size() const { return all_.size(); }
  const std::shared_ptr<Loader>& operator[](size_t index) const { return all_[index]; }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::shared_ptr<Loader>> all_;
};

namespace detail {

/// The position in a loader's state. @throws Error if that is of other batches than the loader has
/// now, so that it would be another place in the data. @param samples, batches  of an epoch; none:
/// unknown
int64_t checked_position(const course::Dict& state, int64_t batch_size,
                         std::optional<int64_t> samples, std::optional<int64_t> batches);

template <typename DataLoader>
constexpr bool kShuffles = false;
template <typename Dataset>
constexpr bool
    kShuffles<torch::data::StatelessDataLoader<Dataset, torch::data::samplers::RandomSampler>> =
        true;

// libtorch's loaders refuse a second begin() before the first is at its end, and pass over nothing;
// to classes that are derived from them they show what it takes.
template <typename Dataset, typename Batch, typename Request>
class Inside : torch::data::DataLoaderBase<Dataset, Batch, Request> {
 public:
  using Base = torch::data::DataLoaderBase<Dataset, Batch, Request>;

  /// Drops what is waiting for a worker, and what workers have done; waits for what they are at.
  static void drop_rest(Base& loader) { (loader.*(&Inside::shuttle_)).drain(); }
  /// Passes over batches of an epoch that has just begun, by its sampler. @returns how many, which
  /// may be fewer than were asked for: what the workers were told already is not passed over
  static int64_t pass_over(Base& loader, int64_t batches) {
    int64_t passed = static_cast<int64_t>(loader.*(&Inside::sequence_number_));
    if (batches < passed) return 0;
    drop_rest(loader);
    loader.*(&Inside::sequence_number_) = 0;
    loader.*(&Inside::sequencer_) = (loader.*(&Inside::new_sequencer))();
    while (passed < batches && (loader.*(&Inside::get_batch_request))()) ++passed;
    if (loader.options().workers > 0) {
      (loader.*static_cast<void (Base::*)()>(&Inside::prefetch))();
    }
    return passed;
  }
};
template <typename Dataset, typename Batch, typename Request>
std::type_identity<Inside<Dataset, Batch, Request>> inside(
    const torch::data::DataLoaderBase<Dataset, Batch, Request>& loader);

// Does a sampler name the samples of each batch?
template <typename DataLoader>
constexpr bool kHasIndices = false;
template <typename Dataset, typename Sampler>
constexpr bool kHasIndices<torch::data::StatelessDataLoader<Dataset, Sampler>> =
    std::is_same_v<typename Sampler::BatchRequestType, std::vector<size_t>>;

template <typename DataLoader>
class TorchLoader : public Loader {
  using Iterator = std::decay_t<decltype(std::declval<DataLoader&>().begin())>;
  using Inside = typename decltype(inside(std::declval<DataLoader&>()))::type;
  static_assert(
      requires(Iterator & iterator) { to_batch(*iterator); },
      "this loader yields no tensors: map its data set with Stack<>(), or overload "
      "lit::to_batch()");

 public:
  TorchLoader(std::unique_ptr<DataLoader> loader, std::optional<int64_t> batches)
      : loader_(std::move(loader)), batches_(batches) {}

  std::optional<int64_t> batches() const override { return batches_; }
  bool shuffles() const override { return kShuffles<DataLoader>; }
  void begin_epoch(int64_t) override {
    if (std::exchange(resumed_, false)) return;
    next_.reset();
    Inside::drop_rest(*loader_);
    generator_ = generator_state(torch::kCPU);
    next_.emplace(loader_->begin());
    position_ = 0;
    has_first_ = false;
  }
  std::optional<Batch> next() override {
    if (!next_ || *next_ == loader_->end()) return std::nullopt;
    // The iterator is moved on only when the next batch is asked for: with that its workers start
    // on one more, and an exception of theirs belongs to that batch.
    if (std::exchange(has_first_, true) && ++*next_ == loader_->end()) return std::nullopt;
    ++position_;
    return to_batch(**next_);
  }
  int64_t pass_over(int64_t batches) override {
    const bool begins = position_ == 0 && !has_first_;
    if constexpr (kHasIndices<DataLoader>) {
      if (begins) position_ = Inside::pass_over(*loader_, batches);
    }
    const int64_t passed = begins ? position_ : 0;
    return passed + Loader::pass_over(batches - passed);
  }
  course::Dict state_dict() const override {
    return {{"generator", generator_}, {"position", position_}, {"batch_size", batch_size()}};
  }
  void load_state_dict(const course::Dict& state) override {
    const int64_t position = checked_position(state, batch_size(), std::nullopt, batches_);
    const torch::Tensor now = generator_state(torch::kCPU);
    set_generator_state(torch::kCPU, checked_generator_state(state, "generator", torch::kCPU));
    begin_epoch(0);
    if (pass_over(position) < position) {
      throw Error("a loader was to go on behind batch " + std::to_string(position) +
                  ", but has only " + std::to_string(position_) + "; are its data the same?");
    }
    set_generator_state(torch::kCPU, now);
    resumed_ = true;
  }

 private:
  int64_t batch_size() const { return static_cast<int64_t>(loader_->options().batch_size); }

  std::unique_ptr<DataLoader> loader_;
  std::optional<int64_t> batches_;
  std::optional<Iterator> next_;
  torch::Tensor generator_;
  int64_t position_ = 0;
  bool has_first_ = false, resumed_ = false;
};

}  // namespace detail

template <typename DataLoader>
std::shared_ptr<Loader> loader(std::unique_ptr<DataLoader> data_loader,
                               std::optional<int64_t> batches) {
  if (data_loader == nullptr) throw Error("lit::loader() was given a loader that is null");
  return std::make_shared<detail::TorchLoader<DataLoader>>(std::move(data_loader), batches);
}

}  // namespace lit

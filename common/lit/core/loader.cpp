// Where batches come from: the in-memory loader's adapter.
#include "lit/core/loader.h"

#include "serialize/checked.h"

namespace lit {
namespace {

class InMemory : public Loader {
 public:
  InMemory(course::InMemoryLoader loader, int64_t first_epoch)
      : loader_(std::move(loader)), first_epoch_(first_epoch) {}

  std::optional<int64_t> batches() const override { return loader_.batches(); }
  void begin_epoch(int64_t epoch) override {
    if (std::exchange(resumed_, false)) return;
    begin(first_epoch_ + epoch, 0);
  }
  std::optional<Batch> next() override {
    if (!epoch_) return std::nullopt;
    if (!iterator_) {
      iterator_.emplace(epoch_->begin());
    } else if (*iterator_ != std::default_sentinel) {
      ++*iterator_;
    }
    if (*iterator_ == std::default_sentinel) return std::nullopt;
    return Batch{{"data", (*iterator_)->data}, {"target", (*iterator_)->target}};
  }
  int64_t pass_over(int64_t batches) override {
    if (!epoch_) return 0;
    const int64_t from = epoch_->position(), to = std::min(from + batches, loader_.batches());
    begin(number_, to);
    return to - from;
  }
  bool shuffles() const override { return loader_.options().shuffle; }
  std::shared_ptr<Loader> unshuffled() const override {
    return std::make_shared<InMemory>(loader_.unshuffled(), first_epoch_);
  }
  course::Dict state_dict() const override {
    return {{"epoch", number_},
            {"position", epoch_ ? epoch_->position() : int64_t{0}},
            {"batch_size", loader_.options().batch_size},
            {"samples", loader_.samples()}};
  }
  void load_state_dict(const course::Dict& state) override {
    const int64_t position = detail::checked_position(state, loader_.options().batch_size,
                                                      loader_.samples(), loader_.batches());
    begin(course::whole(state, "epoch"), position);
    resumed_ = true;
  }

 private:
  void begin(int64_t number, int64_t first_batch) {
    iterator_.reset();
    epoch_.reset();  // its order makes room for the next one
    epoch_.emplace(loader_.epoch(number, first_batch));
    number_ = number;
  }

  course::InMemoryLoader loader_;
  std::optional<course::InMemoryLoader::Epoch> epoch_;
  std::optional<course::InMemoryLoader::Epoch::Iterator> iterator_;
  int64_t first_epoch_;
  int64_t number_ = 0;
  bool resumed_ = false;
};

}  // namespace

int64_t Loader::pass_over(int64_t batches) {
  int64_t passed = 0;
  while (passed < batches && next()) {
    course::throw_if_interrupted();
    ++passed;
  }
  return passed;
}

int64_t detail::checked_position(const course::Dict& state, int64_t batch_size,
                                 std::optional<int64_t> samples, std::optional<int64_t> batches) {
  const int64_t position = course::whole(state, "position");
  const auto before = [&](const char* name) -> std::optional<int64_t> {
    if (state.find(name) == nullptr) return std::nullopt;  // version 0.1 kept the position alone
    return course::whole(state, name);
  };
  const std::string written =
      "it was written in the middle of an epoch, after " + std::to_string(position) + " batches";
  const std::string advice = ", or resume from a checkpoint of an epoch's end";
  const std::optional<int64_t> size_before = before("batch_size"),
                               samples_before = before("samples");
  if (position == 0) return position;
  if (size_before && *size_before != batch_size) {
    throw Error(written + " of " + std::to_string(*size_before) +
                " samples, but the loader's batches now have " + std::to_string(batch_size) +
                "; give it " + std::to_string(*size_before) + " again" + advice);
  }
  if (samples_before && samples && *samples_before != *samples) {
    throw Error(written + " of a data set of " + std::to_string(*samples_before) +
                " samples, but there are now " + std::to_string(*samples) +
                "; give it the same data" + advice);
  }
  if (batches && position > *batches) {
    throw Error(written + ", but an epoch now has only " + std::to_string(*batches) + " of " +
                std::to_string(batch_size) + " samples; give it the same batch size and data" +
                advice);
  }
  return position;
}

std::shared_ptr<Loader> loader(course::InMemoryLoader in_memory, int64_t first_epoch) {
  return std::make_shared<InMemory>(std::move(in_memory), first_epoch);
}

}  // namespace lit

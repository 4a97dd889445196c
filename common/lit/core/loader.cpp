// Where batches come from: the in-memory loader's adapter.
#include "lit/core/loader.h"

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
  bool shuffles() const override { return loader_.options().shuffle; }
  std::shared_ptr<Loader> unshuffled() const override {
    return std::make_shared<InMemory>(loader_.unshuffled(), first_epoch_);
  }
  course::Dict state_dict() const override {
    return {{"epoch", number_}, {"position", epoch_ ? epoch_->position() : int64_t{0}}};
  }
  void load_state_dict(const course::Dict& state) override {
    begin(state.at("epoch").as_int(), state.at("position").as_int());
    resumed_ = true;
  }

 private:
  void begin(int64_t number, int64_t first_batch) {
    iterator_.reset();
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

std::shared_ptr<Loader> loader(course::InMemoryLoader in_memory, int64_t first_epoch) {
  return std::make_shared<InMemory>(std::move(in_memory), first_epoch);
}

}  // namespace lit

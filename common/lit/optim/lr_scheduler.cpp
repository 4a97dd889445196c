// Learning rates over time: the base of all schedulers.
#include "lit/optim/lr_scheduler.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "lit/error.h"
#include "serialize/checked.h"

namespace lit {
namespace {

// The rates that optimizers had before their first scheduler. Python keeps them in the parameter
// groups, as "initial_lr"; those of C++ have no place for it.
class InitialRates {
 public:
  std::vector<double> of(const std::shared_ptr<torch::optim::Optimizer>& optimizer) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(known_, [](const auto& item) { return item.first.expired(); });
    std::vector<double>& rates = known_[optimizer];
    const std::vector<double> now = learning_rates(*optimizer);
    for (size_t i = rates.size(); i < now.size(); ++i) rates.push_back(now[i]);
    return rates;
  }
  void set(const std::shared_ptr<torch::optim::Optimizer>& optimizer, std::vector<double> rates) {
    const std::scoped_lock lock(mutex_);
    known_[optimizer] = std::move(rates);
  }

 private:
  using Key = std::weak_ptr<torch::optim::Optimizer>;
  std::mutex mutex_;
  std::map<Key, std::vector<double>, std::owner_less<Key>> known_;
};

InitialRates& initial_rates() {
  static InitialRates rates;
  return rates;
}

}  // namespace

LRScheduler::LRScheduler(std::shared_ptr<torch::optim::Optimizer> optimizer)
    : optimizer_(std::move(optimizer)) {
  if (optimizer_ == nullptr) throw Error("a scheduler was given an optimizer that is null");
  base_lrs_ = initial_rates().of(optimizer_);
  last_lr_ = base_lrs_;
}

void LRScheduler::start_from(const std::vector<double>& rates) {
  base_lrs_ = rates;
  initial_rates().set(optimizer_, rates);
}

void LRScheduler::first_step() {
  last_epoch_ = 0;
  apply(get_lr());
}

void LRScheduler::restart() {
  apply(base_lrs_);
  first_step();
}

void LRScheduler::apply(std::vector<double> rates) {
  auto& groups = optimizer_->param_groups();
  const size_t count = std::min(groups.size(), rates.size());
  for (size_t i = 0; i < count; ++i) groups[i].options().set_lr(rates[i]);
  last_lr_ = learning_rates(*optimizer_);
}

void LRScheduler::step() {
  ++last_epoch_;
  apply(get_lr());
}

void LRScheduler::step(double) {
  step();
}

course::Dict LRScheduler::state_dict() const {
  course::List base, last;
  for (const double rate : base_lrs_) base.emplace_back(rate);
  for (const double rate : last_lr_) last.emplace_back(rate);
  return {{"base_lrs", base},
          {"last_epoch", last_epoch_},
          {"_step_count", last_epoch_ + 1},
          {"_last_lr", last}};
}

std::vector<course::Dict> LRScheduler::in_param_groups() const {
  std::vector<course::Dict> groups;
  for (const double rate : base_lrs_) groups.push_back({{"initial_lr", rate}});
  return groups;
}

void LRScheduler::load_state_dict(const course::Dict& state) {
  const auto rates = [&](const char* key, size_t least, size_t most) {
    std::vector<double> found = course::numbers(state, key, course::kLearningRate);
    if (found.size() < least || found.size() > most) {
      throw Error(std::string(key) + " has " + std::to_string(found.size()) +
                  " rates, but the scheduler " + std::to_string(least) +
                  "; is it of the same parameter groups?");
    }
    return found;
  };
  // Parameter groups may have come later: the rates that were set are theirs, too.
  const size_t own = base_lrs_.size();
  std::vector<double> base = rates("base_lrs", own, own);
  std::vector<double> last =
      rates("_last_lr", own, std::max(own, optimizer_->param_groups().size()));
  last_epoch_ = course::whole(state, "last_epoch", -1);
  base_lrs_ = std::move(base);
  last_lr_ = std::move(last);
}

}  // namespace lit

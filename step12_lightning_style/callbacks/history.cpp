// A callback of one's own: what each epoch came to, to be drawn when the run is over.
#include "callbacks/history.h"

#include "lit/trainer.h"

// region history
History::History(std::vector<std::string> metrics) {
  for (std::string& name : metrics) curves_.push_back({std::move(name), {}, {}});
}

void History::on_train_epoch_end(lit::Trainer& trainer, lit::LightningModule&) {
  const lit::Metrics& metrics = trainer.callback_metrics();
  for (course::Curve& curve : curves_) {
    const auto found = metrics.find(curve.name);
    if (found == metrics.end()) continue;  // not in this epoch
    curve.x.push_back(static_cast<double>(trainer.current_epoch()));
    curve.y.push_back(found->second.value());
  }
}
// endregion

// region state
course::Dict History::state_dict() const {
  course::Dict state;
  for (const course::Curve& curve : curves_) {
    state.set(curve.name, course::Dict{{"epochs", course::List(curve.x.begin(), curve.x.end())},
                                       {"values", course::List(curve.y.begin(), curve.y.end())}});
  }
  return state;
}

void History::load_state_dict(const course::Dict& state) {
  const auto numbers = [](const course::Value& list) {
    std::vector<double> result;
    for (const course::Value& value : list.as_list()) result.push_back(value.as_double());
    return result;
  };
  for (course::Curve& curve : curves_) {
    const course::Dict& kept = state.at(curve.name).as_dict();
    curve.x = numbers(kept.at("epochs"));
    curve.y = numbers(kept.at("values"));
  }
}
// endregion

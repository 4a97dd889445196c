// A callback of one's own: what each epoch came to, to be drawn when the run is over.
#include "callbacks/history.h"

#include "error.h"
#include "lit/trainer.h"
#include "serialize/checked.h"

// region history
History::History(std::vector<std::string> metrics) {
  for (std::string& name : metrics) curves_.push_back({std::move(name), {}, {}});
}

void History::on_train_epoch_end(lit::Trainer& trainer, lit::LightningModule&) {
  const lit::LoggedMetrics& metrics = trainer.callback_metrics();
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
  for (course::Curve& curve : curves_) {
    const course::Dict& kept = course::dict(state, curve.name);
    const std::vector<double> x = course::numbers(kept, "epochs", course::kCount);
    const std::vector<double> y = course::numbers(kept, "values", course::kAnyNumber);
    if (x.size() != y.size()) {
      throw course::Error(curve.name + " has " + std::to_string(x.size()) + " epochs, but " +
                          std::to_string(y.size()) + " values");
    }
    curve.x = x;
    curve.y = y;
  }
}
// endregion

// The loops' part of a checkpoint: Lightning's counters, and under "lit" what Lightning does not
// keep.
#include "lit/checkpoint/fit_state.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lit/core/random_state.h"
#include "lit/error.h"
#include "lit/metrics/metric.h"
#include "serialize/checked.h"

namespace lit {
namespace {

using course::dict, course::flag, course::whole;

// Lightning's counters of one thing: those of all epochs, and those of this one.
course::Dict progress(const course::Dict& total, const course::Dict& current) {
  return {{"total", total}, {"current", current}};
}
course::Dict counter(int64_t ready, int64_t processed, int64_t completed) {
  return {{"ready", ready}, {"started", ready}, {"processed", processed}, {"completed", completed}};
}
course::Dict counter_of_steps(int64_t steps) {
  return {{"ready", steps}, {"completed", steps}};
}
course::Dict of_evaluation(const EvaluationCounts& counts) {
  const course::Dict one{{"ready", counts.started},
                         {"started", counts.started},
                         {"processed", counts.completed},
                         {"completed", counts.completed}};
  return {{"total", one}, {"current", one}, {"is_last_batch", counts.is_last_batch}};
}

std::map<const Metric*, std::string> metric_names(const LightningModule& module) {
  std::map<const Metric*, std::string> names;
  for (const auto& part : module.named_modules()) {
    const auto* metric = dynamic_cast<const Metric*>(part.value().get());
    if (metric != nullptr) names.emplace(metric, part.key());
  }
  return names;
}

std::map<std::string, std::shared_ptr<Metric>> metrics_by_name(const LightningModule& module) {
  std::map<std::string, std::shared_ptr<Metric>> metrics;
  for (const auto& part : module.named_modules()) {
    if (auto metric = std::dynamic_pointer_cast<Metric>(part.value())) {
      metrics.emplace(part.key(), std::move(metric));
    }
  }
  return metrics;
}

bool is_in_epoch(Place place) {
  return place != Place::epoch_start && place != Place::epoch_end;
}

}  // namespace

course::Dict FitState::of_loop_that_has_not_run() {
  return {{"state_dict", course::Dict{}}, {"batch_progress", of_evaluation({})}};
}

course::Dict FitState::dump() const {
  course::Dict state = counters();
  state.set("lit", own());
  return state;
}

// What Lightning goes on by.
course::Dict FitState::counters() const {
  const Place place = progress_.place;
  const bool at_end = place == Place::epoch_end, in_epoch = is_in_epoch(place);
  const int64_t epochs = progress_.current_epoch;
  const course::Dict of_epochs =
      counter(epochs + (in_epoch || at_end ? 1 : 0), epochs + (at_end ? 1 : 0), epochs);

  const int64_t ready = progress_.batch_idx + 1;
  const int64_t processed = in_epoch ? progress_.batches_done : ready;
  const int64_t completed = processed - (place == Place::batch_end ? 1 : 0);
  const int64_t before = progress_.total_batch_idx + 1 - ready;  // of the epochs before
  const bool is_last = progress_.is_last_batch || progress_.rest_is_skipped;

  const bool automatic = parts_.module.automatic_optimization;
  const int64_t steps = automatic ? progress_.global_step : 0;
  const int64_t steps_of_epoch = automatic ? steps - progress_.steps_before_epoch : 0;
  const course::Dict of_steps = progress(counter_of_steps(steps), counter_of_steps(steps_of_epoch));
  // Gradients are dropped before each step, after the first batch of its window.
  const auto drops = [](int64_t of) {
    return course::Dict{{"ready", of}, {"started", of}, {"completed", of}};
  };
  const course::Dict of_drops = progress(drops(steps), drops(steps_of_epoch));
  const course::Dict of_schedulers = progress(
      counter_of_steps(progress_.scheduler_steps),
      counter_of_steps(progress_.scheduler_steps - progress_.scheduler_steps_before_epoch));
  const course::Dict by_hand = counter_of_steps(automatic ? 0 : progress_.global_step);
  return {{"state_dict", course::Dict{}},
          {"epoch_loop.state_dict",
           course::Dict{{"_batches_that_stepped", progress_.batches_that_stepped}}},
          {"epoch_loop.batch_progress",
           course::Dict{{"total", counter(before + ready, before + processed, before + completed)},
                        {"current", counter(ready, processed, completed)},
                        {"is_last_batch", is_last && ready == processed}}},
          {"epoch_loop.automatic_optimization.optim_progress",
           course::Dict{{"optimizer", course::Dict{{"step", of_steps}, {"zero_grad", of_drops}}}}},
          {"epoch_loop.automatic_optimization.state_dict", course::Dict{}},
          {"epoch_loop.manual_optimization.state_dict", course::Dict{}},
          {"epoch_loop.scheduler_progress", of_schedulers},
          {"epoch_loop.val_loop.state_dict", course::Dict{}},
          {"epoch_loop.manual_optimization.optim_step_progress", progress(by_hand, by_hand)},
          {"epoch_loop.val_loop.batch_progress", of_evaluation(progress_.validation)},
          {"epoch_progress", progress(of_epochs, of_epochs)}};
}

// What goes on exactly as if nothing had been, and Lightning does not keep.
course::Dict FitState::own() const {
  const bool in_epoch = is_in_epoch(progress_.place);
  const int64_t batches = progress_.batches_done;
  // A batch that was fetched and is not done is to be fetched again; what is known of it is not.
  const bool again = progress_.place == Place::batch_start && parts_.data != nullptr &&
                     parts_.data->fetched() > batches;
  const bool is_last = (progress_.is_last_batch || progress_.rest_is_skipped) && !again;
  const int64_t not_done = in_epoch ? progress_.batch_idx + 1 - batches : 0;
  course::List seen;
  for (const int64_t of_loader : progress_.validation.batches) seen.emplace_back(of_loader);

  course::Dict lit{{"place", name_of(progress_.place)},
                   {"batches_done", batches},
                   {"total_batch_idx", progress_.total_batch_idx - not_done},
                   {"is_last_batch", is_last},
                   {"told_of_minimum", progress_.told_of_minimum},
                   {"validation_batches", course::Dict{{"seen", seen}}}};
  const auto names = metric_names(parts_.module);
  for (const auto& [key, value] : parts_.log.state_dict(names)) lit.set(key, value);
  course::Dict metrics;
  for (const auto& [metric, name] : names) {
    if (metric->update_called()) metrics.set(name, metric->state_dict());
  }
  lit.set("metrics", metrics);
  const bool has_loader = parts_.data != nullptr && parts_.data->is_loaded();
  if (in_epoch && has_loader && !is_last) lit.set("loader", parts_.data->state_dict(again));
  const bool in_window = batches % parts_.limits.accumulate_grad_batches != 0 && !is_last;
  if (in_epoch && in_window) {
    course::Dict gradients;
    for (const auto& parameter : parts_.module.named_parameters()) {
      const torch::Tensor& gradient = parameter.value().grad();
      if (gradient.defined()) gradients.set(parameter.key(), gradient.detach());
    }
    lit.set("gradients", gradients);
  }
  course::Dict random{{"cpu", generator_state(torch::kCPU)}};
  if (!parts_.device.is_cpu()) random.set("device", generator_state(parts_.device));
  lit.set("random", random);
  return lit;
}

// Counters that are not there are 0, as in Lightning, whose older versions had fewer.
ResumePoint FitState::load(const course::Dict& state) {
  progress_.batches_that_stepped = 0;
  if (state.find("epoch_loop.state_dict") != nullptr) {
    const course::Dict& loop = dict(state, "epoch_loop.state_dict");
    if (loop.find("_batches_that_stepped") != nullptr) {
      progress_.batches_that_stepped = whole(loop, "_batches_that_stepped");
    }
  }
  const int64_t stepped = progress_.batches_that_stepped;
  ResumePoint point = load_counters(state);
  if (state.find("lit") != nullptr) {
    progress_.batches_that_stepped = stepped;  // of ours none is missing
    progress_.current_epoch = whole(dict(dict(state, "epoch_progress"), "current"), "completed");
    point.by_counters_alone = false;
    load_own(dict(state, "lit"), point);
  }
  return point;
}

// As Lightning reads its counters: an epoch that was begun and is not processed goes on behind its
// batches that are.
ResumePoint FitState::load_counters(const course::Dict& state) {
  struct Counter {
    int64_t ready = 0, started = 0, processed = 0, completed = 0;
  };
  const auto read = [&](const char* of, const char* which) {
    Counter counter;
    if (state.find(of) == nullptr) return counter;
    const auto number = [&](const char* name, int64_t& to) {
      const course::Dict& from = dict(dict(state, of), which);
      if (from.find(name) != nullptr) to = whole(from, name);
    };
    course::within(of, [&] {
      number("ready", counter.ready);
      number("started", counter.started);
      number("processed", counter.processed);
      number("completed", counter.completed);
    });
    return counter;
  };
  const char* const kBatches = "epoch_loop.batch_progress";
  const Counter epochs = read("epoch_progress", "current");
  const Counter batches = read(kBatches, "current"), all = read(kBatches, "total");
  const Counter validation = read("epoch_loop.val_loop.batch_progress", "total");
  const course::Value* known = state.find(kBatches);
  const bool is_last = known != nullptr && known->as_dict().find("is_last_batch") != nullptr &&
                       flag(known->as_dict(), "is_last_batch");

  ResumePoint point;
  point.by_counters_alone = true;
  progress_.current_epoch = epochs.processed;
  progress_.is_last_batch = progress_.rest_is_skipped = false;
  progress_.batch_idx = batches.ready - 1;
  progress_.total_batch_idx = all.processed - 1;
  progress_.batches_done = 0;
  progress_.steps_before_epoch = progress_.global_step;
  progress_.scheduler_steps = read("epoch_loop.scheduler_progress", "total").completed;
  progress_.scheduler_steps_before_epoch = progress_.scheduler_steps;
  if (epochs.ready == epochs.processed) return point;  // between two epochs

  const int64_t window = parts_.limits.accumulate_grad_batches;
  const bool in_batch_end = batches.completed < batches.processed;
  if (in_batch_end && (is_last || batches.processed % window == 0)) {
    ++progress_.batches_that_stepped;  // Lightning counts it behind that hook
  }
  // Of the metrics of an epoch nothing was kept: Lightning begins the next one.
  if (in_batch_end && is_last) {
    ++progress_.current_epoch;
    return point;
  }
  progress_.batches_done = batches.processed;
  const bool batch_is_over = batches.completed == batches.ready && progress_.batches_done > 0;
  const bool in_validation = validation.processed < validation.started;
  point.from = !batch_is_over  ? Place::batch_start
               : in_validation ? Place::batch_logged
                               : Place::validated;
  progress_.is_last_batch = is_last && batch_is_over;
  return point;
}

// All of it is looked at here, before the run writes anything; the loader's place is its own
// affair.
void FitState::load_own(const course::Dict& own, ResumePoint& point) {
  point.from = place_named(course::text(own, "place"));
  const bool after_a_batch = point.from == Place::batch_end || point.from == Place::batch_logged ||
                             point.from == Place::validated;
  progress_.batches_done = whole(own, "batches_done", after_a_batch ? 1 : 0);
  const int64_t total_batch_idx = whole(own, "total_batch_idx", -1);
  // Version 0.1 counted the epoch that was over twice.
  if (point.from != Place::epoch_start) progress_.total_batch_idx = total_batch_idx;
  progress_.is_last_batch = flag(own, "is_last_batch");
  progress_.told_of_minimum = flag(own, "told_of_minimum");
  std::vector<int64_t>& seen = progress_.validation.batches;
  seen.clear();
  for (const course::Value& batches : course::list(dict(own, "validation_batches"), "seen")) {
    seen.push_back(whole(batches, "seen[" + std::to_string(seen.size()) + "]"));
  }
  const auto metrics = metrics_by_name(parts_.module);
  for (const auto& [key, saved] : dict(own, "metrics")) {
    const std::string& name = course::text(key, "a key of metrics");
    const auto found = metrics.find(name);
    if (found == metrics.end()) {
      throw Error("the checkpoint has the metric " + name + ", which the module does not have");
    }
    const std::string at = "metrics." + name;
    const course::Dict& one = dict(saved, at);
    course::within(at, [&] { found->second->load_state_dict(one); });
  }
  parts_.log.load_state_dict(own, metrics);
  if (own.find("loader") != nullptr) dict(own, "loader");
  if (own.find("gradients") != nullptr) check_gradients(dict(own, "gradients"));
  const course::Dict& random = dict(own, "random");
  checked_generator_state(random, "cpu", torch::kCPU);
  if (random.find("device") != nullptr && !parts_.device.is_cpu()) {
    checked_generator_state(random, "device", parts_.device);
  }
  point.kept = own;
}

void FitState::check_gradients(const course::Dict& gradients) const {
  const auto parameters = parts_.module.named_parameters();
  for (const auto& [key, gradient] : gradients) {
    const std::string& name = course::text(key, "a key of gradients");
    const torch::Tensor* parameter = parameters.find(name);
    if (parameter == nullptr) {
      throw Error("the checkpoint has a gradient of " + name + ", which the module does not have");
    }
    course::tensor(gradient, "gradients." + name, parameter->sizes(), parameter->scalar_type());
  }
}

// --- Where it goes on -------------------------------------------------------------------------

const course::Dict* ResumePoint::loader() const {
  const course::Value* position = kept ? kept->find("loader") : nullptr;
  return position == nullptr ? nullptr : &position->as_dict();
}

void ResumePoint::restore_gradients(LightningModule& module) const {
  const course::Value* gradients = kept ? kept->find("gradients") : nullptr;
  if (gradients == nullptr) return;
  for (auto& parameter : module.named_parameters()) {
    const course::Value* gradient = gradients->as_dict().find(parameter.key());
    if (gradient == nullptr) continue;
    parameter.value().mutable_grad() = gradient->as_tensor().to(parameter.value().device()).clone();
  }
}

void ResumePoint::restore_random_streams(torch::Device device) const {
  if (!kept) return;
  const course::Dict& random = kept->at("random").as_dict();
  set_generator_state(torch::kCPU, random.at("cpu").as_tensor());
  const course::Value* other = random.find("device");
  if (other != nullptr && !device.is_cpu()) set_generator_state(device, other->as_tensor());
}

}  // namespace lit

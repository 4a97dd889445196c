// All that log() was given in an epoch.
#include "lit/core/logging.h"

#include <c10/util/StringUtil.h>

#include <utility>

#include "lit/core/messages.h"
#include "lit/metrics/metric.h"
#include "serialize/checked.h"

namespace lit {
namespace {

bool same(const LogOptions& a, const LogOptions& b) {
  return a.prog_bar == b.prog_bar && a.logger == b.logger && a.on_step == b.on_step &&
         a.on_epoch == b.on_epoch && a.reduce_fx == b.reduce_fx &&
         a.add_dataloader_idx == b.add_dataloader_idx;
}

}  // namespace

Results::Entry& Results::entry(Hook hook, const std::string& name, int64_t loader,
                               const LogOptions& options) {
  const int64_t source = std::exchange(loader, options.add_dataloader_idx ? loader : -1);
  for (const size_t place : by_name_[name]) {
    Entry& known = entries_[place];
    if (known.hook != hook || known.loader != loader) continue;
    if (known.source != source || !same(known.options, options)) {
      throw Error("log(\"" + name + "\") was called twice in " + std::string(name_of(hook)) +
                  " with different options, or for different loaders without add_dataloader_idx; "
                  "give both calls the same, or other names");
    }
    return known;
  }
  add(made(hook, name, loader, source, options));
  return entries_.back();
}

void Results::add(Entry entry) {
  by_name_[entry.name].push_back(entries_.size());
  entries_.push_back(std::move(entry));
}

Results::Entry Results::made(Hook hook, const std::string& name, int64_t loader, int64_t source,
                             const LogOptions& options) {
  const bool forked = *options.on_step && *options.on_epoch;
  const std::string suffix =
      loader >= 0 ? "/dataloader_idx_" + std::to_string(loader) : std::string();
  return {.hook = hook,
          .name = name,
          .loader = loader,
          .source = source,
          .options = options,
          .step_name = name + (forked ? "_step" : "") + suffix,
          .epoch_name = name + (forked ? "_epoch" : "") + suffix,
          .bare_name = name + suffix,
          .last = 0.0,
          .epoch = EpochValue(options.reduce_fx)};
}

const Results::Entry& Results::log(Hook hook, const std::string& name, int64_t loader,
                                   const LogValue& value, const LogOptions& options,
                                   const Batch* batch) {
  Entry& known = entry(hook, name, loader, options);
  known.last = value;
  if (!*options.on_epoch) return known;
  int64_t weight = 1;
  if (options.batch_size) {
    weight = *options.batch_size;
  } else if (options.reduce_fx == Reduce::mean && batch != nullptr) {
    weight = batch->batch_size();
    if (!batch->even() && known.epoch.empty()) {
      warn("the tensors of a batch have different first dimensions, and the mean of '" + name +
           "' is weighted by the first; give batch_size to log() if that is not the batch's size");
    }
  }
  known.epoch.add(value, weight);
  return known;
}

const Results::Entry& Results::log(Hook hook, const std::string& name, int64_t loader,
                                   std::shared_ptr<Metric> metric, const LogOptions& options) {
  Entry& known = entry(hook, name, loader, options);
  if (known.metric != nullptr && known.metric != metric) {
    throw Error("log(\"" + name + "\") was given two metrics in one epoch; give each its own name");
  }
  known.metric = std::move(metric);
  return known;
}

void Results::reset() {
  for (const Entry& entry : entries_) {
    if (entry.metric != nullptr) entry.metric->reset();
  }
  entries_.clear();
  by_name_.clear();
}

// None: a metric that has only been updated has no value of a step.
std::optional<LogValue> Results::value_of(const Entry& entry, bool on_step) {
  if (entry.metric == nullptr) return on_step ? entry.last : entry.epoch.result();
  const torch::Tensor value = on_step ? entry.metric->last_value() : entry.metric->compute();
  if (!value.defined()) return std::nullopt;
  if (value.numel() != 1) {
    throw Error("log(\"" + entry.name + "\") was given a metric with a value of shape " +
                c10::str(value.sizes()) +
                ", but what is logged is one number; set its average, or log its elements");
  }
  return LogValue(value);
}

void Results::collect(bool on_step, bool training, const Sinks& sinks,
                      std::optional<int64_t> loader) const {
  for (const Entry& entry : entries_) {
    if (!loader || entry.source == *loader) route(entry, on_step, training, sinks);
  }
}

void Results::route(const Entry& entry, bool on_step, bool training, const Sinks& sinks) {
  if (!(on_step ? *entry.options.on_step : *entry.options.on_epoch)) return;
  const std::optional<LogValue> found = value_of(entry, on_step);
  if (!found) return;
  const LogValue& value = *found;
  const std::string& name = on_step ? entry.step_name : entry.epoch_name;
  if (sinks.callback != nullptr && (training || !on_step)) {
    sinks.callback->insert_or_assign(entry.bare_name, value);
    sinks.callback->insert_or_assign(name, value);
  }
  if (sinks.logged != nullptr && entry.options.logger) sinks.logged->insert_or_assign(name, value);
  if (sinks.row != nullptr && entry.options.logger) sinks.row->insert_or_assign(name, value);
  if (sinks.bar != nullptr && entry.options.prog_bar) sinks.bar->insert_or_assign(name, value);
}

// --- For a checkpoint -------------------------------------------------------------------------

course::Dict Results::state_dict(const std::map<const Metric*, std::string>& names) const {
  course::List entries;
  for (const Entry& entry : entries_) {
    const LogOptions& options = entry.options;
    course::Dict state{
        {"hook", std::string(name_of(entry.hook))},
        {"name", entry.name},
        {"loader", entry.loader},
        {"source", entry.source},
        {"prog_bar", options.prog_bar},
        {"logger", options.logger},
        {"on_step", *options.on_step},
        {"on_epoch", *options.on_epoch},
        {"reduce_fx", static_cast<int64_t>(options.reduce_fx)},
        {"add_dataloader_idx", options.add_dataloader_idx},
        {"batch_size", options.batch_size ? course::Value(*options.batch_size) : course::Value()},
        {"last", state_of(entry.last)},
        {"sum", state_of(entry.epoch.sum())},
        {"weight", entry.epoch.weight()}};
    if (entry.metric != nullptr) state.set("metric", names.at(entry.metric.get()));
    entries.emplace_back(state);
  }
  return {{"entries", entries}};
}

void Results::load_state_dict(const course::Dict& state,
                              const std::map<std::string, std::shared_ptr<Metric>>& metrics) {
  using course::flag, course::text, course::whole;
  const auto read = [&](const course::Dict& one) {
    std::optional<int64_t> batch_size;
    if (!one.at("batch_size").is_none()) batch_size = whole(one, "batch_size");
    const LogOptions options{.prog_bar = flag(one, "prog_bar"),
                             .logger = flag(one, "logger"),
                             .on_step = flag(one, "on_step"),
                             .on_epoch = flag(one, "on_epoch"),
                             .reduce_fx = static_cast<Reduce>(
                                 whole(one, "reduce_fx", 0, static_cast<int64_t>(Reduce::max))),
                             .add_dataloader_idx = flag(one, "add_dataloader_idx"),
                             .batch_size = batch_size};
    const Hook hook = hook_of(text(one, "hook"));
    if (hook == Hook::none) throw Error("hook is " + text(one, "hook") + ", which is not a hook");
    Entry entry =
        made(hook, text(one, "name"), whole(one, "loader", -1), whole(one, "source", -1), options);
    entry.last = log_value(one.at("last"), "last");
    entry.epoch.restore(log_value(one.at("sum"), "sum"), whole(one, "weight", -1));
    if (one.find("metric") != nullptr) {
      const auto found = metrics.find(text(one, "metric"));
      if (found == metrics.end()) {
        throw Error("the checkpoint has logged the metric " + text(one, "metric") +
                    ", which the module does not have");
      }
      entry.metric = found->second;
    }
    return entry;
  };
  std::vector<Entry> entries;
  for (const course::Value& value : course::list(state, "entries")) {
    const std::string name = "entries[" + std::to_string(entries.size()) + "]";
    const course::Dict& one = course::dict(value, name);
    entries.push_back(course::within(name, [&] { return read(one); }));
  }
  entries_.clear();
  by_name_.clear();
  for (Entry& entry : entries) add(std::move(entry));
}

}  // namespace lit

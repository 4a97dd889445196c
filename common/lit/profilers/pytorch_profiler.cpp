// PyTorchProfiler: what libtorch did, operator by operator, as a table and as a trace.
#include "lit/profilers/pytorch_profiler.h"

#include <ATen/record_function.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "serialize/atomic_file.h"
#include "terminal/table.h"

namespace lit {
namespace {

// What is under way in a thread: each knows the one around it, and what of its time was theirs that
// are inside of it.
struct Open {
  Open* around = nullptr;
  double begin = 0, of_inner = 0;
};

thread_local Open* current = nullptr;

struct Context : at::ObserverContext {
  Open open;
};

void enter(Open& open, double now) {
  open.around = std::exchange(current, &open);
  open.begin = now;
}

// The duration.
double leave(Open& open, double now) {
  const double duration = now - open.begin;
  if (current == &open) {
    current = open.around;
    if (current != nullptr) current->of_inner += duration;
  }
  return duration;
}

double microseconds() {
  return steady_seconds() * 1e6;
}

}  // namespace

struct PyTorchProfiler::Recorder {
  std::mutex mutex;
  std::vector<Event> events;
  double start = 0;
  std::optional<at::CallbackHandle> handle;
  std::vector<std::pair<std::string, Open*>> actions;  // under way
  Open* batch = nullptr;
  int64_t number = 0;    // of the batch
  std::deque<Open> own;  // of both, all of a run: a user's scopes may end in any order

  static inline std::atomic<Recorder*> listening{nullptr};

  void add(std::string name, const char* category, const Open& open, double duration) {
    const std::lock_guard lock(mutex);
    events.push_back({std::move(name), category, at::RecordFunction::currentThreadId(),
                      open.begin - start, duration, duration - open.of_inner});
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) {
    auto context = std::make_unique<Context>();
    enter(context->open, microseconds());
    return context;
  }
  static void end(const at::RecordFunction& function, at::ObserverContext* context) {
    const double now = microseconds();
    Open& open = static_cast<Context*>(context)->open;
    const double duration = leave(open, now);
    const char* category =
        function.scope() == at::RecordScope::USER_SCOPE ? "user_annotation" : "cpu_op";
    if (Recorder* recorder = listening.load()) {
      recorder->add(function.name(), category, open, duration);
    }
  }

  Open* open() {
    own.emplace_back();
    enter(own.back(), microseconds());
    return &own.back();
  }
  void close_batch() {
    if (batch == nullptr) return;
    const double duration = leave(*batch, microseconds());
    add(fmt::format("ProfilerStep#{}", number), "user_annotation", *batch, duration);
    batch = nullptr;
  }
  void forget() {
    current = nullptr;
    events.clear();
    own.clear();
  }
};

PyTorchProfiler::PyTorchProfiler(Options options)
    : Profiler(options.dirpath, options.filename),
      options_(std::move(options)),
      recorder_(std::make_unique<Recorder>()) {
  if (options_.wait < 0 || options_.warmup < 0 || options_.active < 1) {
    throw Error(fmt::format(
        "wait, warmup and active of the profiler are {}, {} and {}, but must be at least 0, 0 "
        "and 1",
        options_.wait, options_.warmup, options_.active));
  }
  const std::vector<std::string> keys = {"cpu_time_total", "self_cpu_time_total", "count"};
  if (std::find(keys.begin(), keys.end(), options_.sort_by_key) == keys.end()) {
    throw Error(fmt::format("sort_by_key of the profiler is \"{}\", but must be {}",
                            options_.sort_by_key, fmt::join(keys, ", ")));
  }
}

PyTorchProfiler::~PyTorchProfiler() {
  stop_listening();
}

void PyTorchProfiler::setup(const std::string& stage, const std::filesystem::path& log_dir) {
  Profiler::setup(stage, log_dir);
  batches_ = 0;
  recorder_->forget();
  next_phase();
}

void PyTorchProfiler::listen() {
  Recorder* nobody = nullptr;
  if (!Recorder::listening.compare_exchange_strong(nobody, recorder_.get())) {
    throw Error("a PyTorchProfiler listens already; one at a time can");
  }
  recorder_->start = microseconds();
  recorder_->handle = at::addGlobalCallback(
      at::RecordFunctionCallback(&Recorder::begin, &Recorder::end)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION,
                   at::RecordScope::USER_SCOPE}));
}

void PyTorchProfiler::stop_listening() {
  if (!recorder_->handle) return;
  recorder_->close_batch();
  at::removeCallback(*recorder_->handle);
  recorder_->handle.reset();
  Recorder::listening = nullptr;
  recorder_->actions.clear();
}

// Before the first batch, and behind each.
void PyTorchProfiler::next_phase() {
  const int64_t begin = options_.wait, keep = begin + options_.warmup;
  const int64_t end = keep + options_.active;
  recorder_->close_batch();
  if (batches_ == begin) listen();
  if (batches_ == keep) {
    const std::lock_guard lock(recorder_->mutex);
    recorder_->events.clear();
    recorder_->start = microseconds();
  }
  if (batches_ == end) stop_listening();
  if (!recorder_->handle) return;
  recorder_->number = batches_;
  recorder_->batch = recorder_->open();
}

void PyTorchProfiler::step() {
  ++batches_;
  next_phase();
}

void PyTorchProfiler::start(const std::string& action) {
  if (!recorder_->handle) return;
  recorder_->actions.emplace_back(action, recorder_->open());
}

// Of one that has begun before the recording nothing is known.
void PyTorchProfiler::stop(const std::string& action) {
  if (!recorder_->handle) return;
  auto& actions = recorder_->actions;
  const auto found = std::find_if(actions.rbegin(), actions.rend(),
                                  [&](const auto& one) { return one.first == action; });
  if (found == actions.rend()) return;
  const double duration = leave(*found->second, microseconds());
  recorder_->add(action, "user_annotation", *found->second, duration);
  actions.erase(std::next(found).base());
}

const std::vector<PyTorchProfiler::Event>& PyTorchProfiler::events() const {
  return recorder_->events;
}

std::string PyTorchProfiler::summary() {
  struct Sum {
    std::string name;
    int64_t count = 0;
    double total = 0, self = 0;
  };
  std::map<std::string, Sum> by_name;
  double all = 0;
  for (const Event& event : events()) {
    if (event.category != std::string("cpu_op")) continue;
    Sum& sum = by_name[event.name];
    sum.name = event.name;
    ++sum.count;
    sum.total += event.duration;
    sum.self += event.self;
    all += event.self;
  }
  if (by_name.empty()) return "";
  std::vector<Sum> rows;
  for (auto& [name, sum] : by_name) rows.push_back(std::move(sum));
  std::stable_sort(rows.begin(), rows.end(), [&](const Sum& a, const Sum& b) {
    if (options_.sort_by_key == "count") return a.count > b.count;
    if (options_.sort_by_key == "self_cpu_time_total") return a.self > b.self;
    return a.total > b.total;
  });
  using course::left;
  using course::right;
  course::Table table({left("Name"), right("Self CPU %"), right("Self CPU"), right("CPU total %"),
                       right("CPU total"), right("CPU time avg"), right("# of Calls")});
  const auto time = [](double us) {
    if (us >= 1e6) return fmt::format("{:.3f} s", us / 1e6);
    return us >= 1e3 ? fmt::format("{:.3f} ms", us / 1e3) : fmt::format("{:.3f} us", us);
  };
  const auto share = [&](double us) { return fmt::format("{:.2f} %", 100 * us / all); };
  const size_t limit =
      options_.row_limit < 0 ? rows.size() : static_cast<size_t>(options_.row_limit);
  for (const Sum& row : rows) {
    if (&row - rows.data() >= static_cast<std::ptrdiff_t>(limit)) break;
    table.row({row.name, share(row.self), time(row.self), share(row.total), time(row.total),
               time(row.total / static_cast<double>(row.count)), std::to_string(row.count)});
  }
  std::string text =
      fmt::format("{} batches of {}, by operator\n\n",
                  std::min(options_.active, batches_ - options_.wait - options_.warmup),
                  stage().empty() ? "a run" : stage());
  text += table.text({.width = 1000});
  if (limit < rows.size()) text += fmt::format("and {} more\n", rows.size() - limit);
  return text + "Self CPU time total: " + time(all) + "\n";
}

std::string PyTorchProfiler::trace() const {
  nlohmann::json events = nlohmann::json::array();
  for (const Event& event : this->events()) {
    events.push_back({{"ph", "X"},
                      {"cat", event.category},
                      {"name", event.name},
                      {"pid", ::getpid()},
                      {"tid", event.thread},
                      {"ts", event.begin},
                      {"dur", event.duration}});
  }
  return nlohmann::json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void PyTorchProfiler::describe() {
  stop_listening();
  if (batches_ <= options_.wait + options_.warmup) {
    warn(fmt::format(
        "the profiler kept nothing of {}: it ends before {} batches are passed over (wait, warmup)",
        stage(), options_.wait + options_.warmup));
    return;
  }
  Profiler::describe();
  if (!options_.export_to_chrome) return;
  const std::filesystem::path path = file("-trace.json");
  with_own_errors([&] { course::write_text_atomically(path, trace()); });
  info("the profiler's trace is " + path.string() +
       ": open it with ui.perfetto.dev or chrome://tracing");
}

void PyTorchProfiler::teardown() {
  stop_listening();
}

}  // namespace lit

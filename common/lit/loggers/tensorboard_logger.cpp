// TensorBoardLogger: the numbers of a run as event files that TensorBoard shows.
#include "lit/loggers/tensorboard_logger.h"

#include <system_error>
#include <utility>

#include "lit/error.h"
#include "serialize/atomic_file.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

namespace fs = std::filesystem;

// {"optimizer": {"lr": 0.1}} as {"optimizer/lr": 0.1}.
void flatten(const course::Dict& dict, const std::string& before, course::Dict& flat) {
  for (const auto& [key, value] : dict) {
    const std::string name = before + course::python_str(key);
    if (value.is<course::Dict>()) {
      flatten(value.as_dict(), name + "/", flat);
    } else if (value.is_none()) {
      flat.set(name, course::python_str(value));
    } else {
      flat.set(name, value);
    }
  }
}

}  // namespace

TensorBoardLogger::TensorBoardLogger(Options options)
    : options_(std::move(options)), run_(options_.save_dir, options_.name, options_.version) {}

std::string TensorBoardLogger::log_dir() const {
  if (options_.sub_dir.empty()) return run_.folder().string();
  return (run_.folder() / options_.sub_dir).string();
}

SummaryWriter& TensorBoardLogger::experiment() {
  if (writer_ == nullptr) writer_ = std::make_unique<SummaryWriter>(log_dir());
  return *writer_;
}

void TensorBoardLogger::log_metrics(const std::map<std::string, double>& metrics, int64_t step) {
  for (const auto& [name, value] : metrics) {
    experiment().add_scalar(detail::prefixed(options_.prefix, name), value, step);
  }
}

void TensorBoardLogger::log_hyperparams(const course::Dict& params) {
  std::map<std::string, double> metrics;
  if (options_.default_hp_metric) metrics = {{"hp_metric", -1}};
  log_hyperparams(params, metrics);
}

void TensorBoardLogger::log_hyperparams(const course::Dict& params,
                                        const std::map<std::string, double>& metrics) {
  for (const auto& [key, value] : params) hparams_.set(key, value);
  log_metrics(metrics, 0);
  course::Dict flat;
  flatten(params, "", flat);
  experiment().add_hparams(flat, metrics);
}

void TensorBoardLogger::save() {
  experiment().flush();  // and makes the folder
  if (saved_) return;
  const fs::path file = fs::path(log_dir()) / "hparams.yaml";
  std::error_code code;
  if (!fs::exists(file, code)) {
    with_own_errors([&] { course::write_text_atomically(file, course::yaml(hparams_)); });
  }
  saved_ = true;
}

void TensorBoardLogger::finalize(const std::string&) {
  if (writer_ != nullptr) save();
}

}  // namespace lit

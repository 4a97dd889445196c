// What a run writes down: a log for people, metrics for programs.
#include "logging.h"

#include <spdlog/fmt/ranges.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

#include "config/choice.h"
#include "error.h"
#include "run/environment.h"
#include "terminal/format.h"
#include "terminal/table.h"

namespace {

const std::map<std::string, spdlog::level::level_enum> kLevels{
    {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},   {"warning", spdlog::level::warn},
    {"error", spdlog::level::err},   {"off", spdlog::level::off},
};

// Into the file, not into a buffer that dies with the process.
void write_now(std::ofstream& file, const std::filesystem::path& path, const std::string& text) {
  if (file << text << std::flush) return;
  throw course::Error(fmt::format("{} cannot be written: {}", path.string(), std::strerror(errno)));
}

}  // namespace

// region start
spdlog::level::level_enum console_level(const Config& config) {
  return course::choose("log_level", config.log_level, kLevels);
}

void start_logging(const std::filesystem::path& folder, spdlog::level::level_enum level) {
  try {
    const auto console = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    console->set_pattern("%v");
    console->set_level(level);
    const auto file =
        std::make_shared<spdlog::sinks::basic_file_sink_mt>((folder / "log.txt").string());
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %z  %-7l  %v");
    const auto logger =
        std::make_shared<spdlog::logger>("run", spdlog::sinks_init_list{console, file});
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);  // every line, at once
    logger->set_error_handler([](const std::string& what) { throw course::Error(what); });
    spdlog::set_default_logger(logger);
  } catch (const spdlog::spdlog_ex& error) {
    throw course::Error(
        fmt::format("no log can be written in {}: {}", folder.string(), error.what()));
  }
}
// endregion

// region environment
void log_environment() {
  for (const auto& [name, value] : course::environment()) spdlog::debug("{}: {}", name, value);
}
// endregion

// region model
void log_model(const std::string& name, const torch::nn::Module& model) {
  int64_t sum = 0;
  course::Table table({course::left("parameter"), course::left("shape"), course::right("numbers")});
  for (const auto& parameter : model.named_parameters()) {
    sum += parameter->numel();
    table.row({parameter.key(), c10::str(parameter->sizes()), course::grouped(parameter->numel())});
  }
  table.rule().row({"all", "", course::grouped(sum)});
  spdlog::debug("model: {}\n{}", name, table.text());
}
// endregion

// region metrics_file
MetricsFile::MetricsFile(const std::filesystem::path& folder, std::vector<std::string> columns)
    : columns_(std::move(columns)), path_(folder / "metrics.csv"), file_(path_) {
  write_now(file_, path_, fmt::format("epoch,{}\n", fmt::join(columns_, ",")));
}

void MetricsFile::write(int64_t epoch, const std::map<std::string, double>& measured) {
  std::string line = std::to_string(epoch);
  for (const std::string& column : columns_) {
    const auto found = measured.find(column);
    line += "," + (found == measured.end() ? "" : fmt::format("{}", found->second));
  }
  write_now(file_, path_, line + "\n");
}
// endregion

void save_config(const std::filesystem::path& folder, const Config& config) {
  const auto path = folder / "config.toml";
  std::ofstream file(path);
  write_now(file, path, to_toml(config));
}

// The page of an HtmlReport.
#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/machine.h"
#include "lit/callbacks/html_report.h"
#include "lit/trainer/trainer.h"
#include "plot/curves.h"
#include "plot/markup.h"
#include "plot/png.h"
#include "serialize/python_text.h"
#include "terminal/format.h"

namespace lit {
namespace {

constexpr int64_t kMostClasses = 30;  // of a matrix that a person can read

using course::escaped_markup;
using Row = std::pair<std::string, std::string>;

constexpr std::string_view kStyle = R"(
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2733; background: #fff;
       font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid #d8dee4; }
.when { color: #57646f; margin: .2rem 0 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 1rem; }
.charts svg { width: 100%; height: auto; }
.facts { border-collapse: collapse; }
.facts th { text-align: left; font-weight: 500; color: #57646f; padding: .1rem 1.5rem .1rem 0; vertical-align: top; }
.facts td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.matrix { border-collapse: collapse; font-size: .85rem; }
.matrix th { font-weight: 500; color: #57646f; padding: .2rem .4rem; text-align: right; }
.matrix thead th { vertical-align: bottom; }
.matrix td { text-align: right; padding: .25rem .5rem; min-width: 2.2rem; border: 1px solid #fff;
             font-variant-numeric: tabular-nums; }
.samples { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; width: 5.6rem; font-size: .8rem; line-height: 1.25; }
figure img { width: 100%; image-rendering: pixelated; border: 2px solid #d8dee4; box-sizing: border-box; }
figure.right img { border-color: #009e73; }
figure.wrong img { border-color: #d55e00; }
figcaption s { color: #57646f; }
)";

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

std::string section(const std::string& title, const std::string& content) {
  return content.empty() ? "" : fmt::format("<h2>{}</h2>\n{}", title, content);
}

std::string table(const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  std::string text = "<table class=\"facts\">\n";
  for (const auto& [name, value] : rows) {
    text += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", escaped_markup(name),
                        escaped_markup(value));
  }
  return text + "</table>\n";
}

void flatten(const course::Dict& dict, const std::string& before, std::vector<Row>& rows) {
  for (const auto& [key, value] : dict) {
    const std::string name = before + course::python_str(key);
    if (value.is<course::Dict>()) {
      flatten(value.as_dict(), name + ".", rows);
    } else {
      rows.emplace_back(name, course::python_str(value));
    }
  }
}

// What "train_loss", "val_loss" and "val_loss_epoch" have in common.
std::string subject(std::string name) {
  for (const char* prefix :
       {"train_", "val_", "valid_", "validation_", "test_", "train/", "val/", "test/"}) {
    if (name.starts_with(prefix)) {
      name = name.substr(std::string(prefix).size());
      break;
    }
  }
  if (name.ends_with("_epoch")) name.resize(name.size() - 6);
  return name;
}

}  // namespace

std::string HtmlReport::page(Trainer& trainer, LightningModule& module) const {
  const std::string title = options_.title.empty() ? class_name(module) : options_.title;
  const auto now = std::time(nullptr);
  std::vector<Row> results;
  for (const auto& [name, value] : results_)
    results.emplace_back(name, fmt::format("{:.6g}", value));
  std::vector<Row> config;
  flatten(module.hparams(), "", config);
  if (trainer.datamodule() != nullptr) flatten(trainer.datamodule()->hparams(), "", config);
  int64_t parameters = 0;
  for (const torch::Tensor& parameter : module.parameters()) parameters += parameter.numel();
  std::vector<Row> environment{{"epochs", std::to_string(trainer.current_epoch())},
                               {"optimizer steps", course::grouped(trainer.global_step())},
                               {"parameters", course::grouped(parameters)},
                               {"device", trainer.strategy().root_device().str()}};
  if (seconds_ > 0) environment.emplace_back("time in fit", course::format_duration(seconds_));
  for (const course::Fact& fact : course::machine())
    environment.emplace_back(fact.name, fact.value);
  std::tm clock{};
  localtime_r(&now, &clock);
  std::string when = fmt::format("{:%Y-%m-%d %H:%M}", clock);
  if (!outcome_.empty()) when += " · " + outcome_;
  return fmt::format(
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width\">\n"
             "<link rel=\"icon\" "
             "href=\"data:,\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n"
             "<body>\n<h1>{0}</h1>\n<p class=\"when\">{2}</p>\n",
             escaped_markup(title), kStyle, escaped_markup(when)) +
         section("Results", table(results)) + section("Curves", curves()) +
         section("Confusion matrix", confusion()) + section("Samples", pictures()) +
         section("Config", table(config)) + section("Environment", table(environment)) +
         "</body>\n</html>\n";
}

std::string HtmlReport::curves() const {
  std::map<std::string, course::Plot> charts;
  for (const auto& [name, points] : curves_) {
    course::Curve curve{.name = name, .x = {}, .y = {}};
    for (const auto& [epoch, value] : points) {
      curve.x.push_back(static_cast<double>(epoch));
      curve.y.push_back(value);
    }
    course::Plot& chart = charts[subject(name)];
    chart.title = subject(name);
    chart.x_label = "epoch";
    chart.curves.push_back(std::move(curve));
  }
  std::string text;
  for (const auto& [name, chart] : charts) text += course::svg_curves(chart);
  return text.empty() ? "" : "<div class=\"charts\">\n" + text + "</div>\n";
}

std::string HtmlReport::confusion() const {
  if (!confusion_.defined() || confusion_.dim() != 2) return "";
  const int64_t classes = confusion_.size(0);
  if (classes > kMostClasses) {
    return fmt::format("<p>{} classes are more than a table shows.</p>\n", classes);
  }
  const torch::Tensor shares = confusion_ / confusion_.sum(1, /*keepdim=*/true).clamp_min(1e-12);
  std::string text =
      "<p>Rows are what the samples are, columns what they were taken for.</p>\n"
      "<div class=\"wide\"><table class=\"matrix\">\n<thead><tr><th></th>";
  for (int64_t i = 0; i < classes; ++i) {
    text += fmt::format("<th>{}</th>", escaped_markup(class_name_of(i)));
  }
  text += "</tr></thead>\n";
  for (int64_t row = 0; row < classes; ++row) {
    text += fmt::format("<tr><th>{}</th>", escaped_markup(class_name_of(row)));
    for (int64_t column = 0; column < classes; ++column) {
      const double share = shares[row][column].item<double>();
      const char* ink = row == column ? "0,158,115" : "213,94,0";
      text +=
          fmt::format("<td style=\"background:rgba({},{:.2f})\">{:.6g}</td>", ink,
                      share > 0 ? 0.08 + 0.72 * share : 0, confusion_[row][column].item<double>());
    }
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string HtmlReport::pictures() const {
  if (samples_.empty()) return "";
  std::string text = "<div class=\"samples\">\n";
  for (const Sample& sample : samples_) {
    const bool known = sample.label >= 0 && sample.pred >= 0;
    const bool right = sample.label == sample.pred;
    std::string caption;
    const int64_t said = sample.pred >= 0 ? sample.pred : sample.label;
    if (said >= 0) caption = escaped_markup(class_name_of(said));
    if (known && !right) {
      caption = fmt::format("<s>{}</s> {}", caption, escaped_markup(class_name_of(sample.label)));
    }
    const std::string alt = sample.label >= 0 ? class_name_of(sample.label) : "sample";
    text += fmt::format(
        "<figure{}><img alt=\"{}\" src=\"data:image/png;base64,{}\"><figcaption>{}</figcaption>"
        "</figure>\n",
        !known  ? ""
        : right ? " class=\"right\""
                : " class=\"wrong\"",
        escaped_markup(alt), base64(course::encode_png(sample.image)), caption);
  }
  return text + "</div>\n";
}

}  // namespace lit

// SummaryWriter: what TensorBoard shows, written by hand.
#include "lit/loggers/summary_writer.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "plot/png.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

// Field numbers of Summary.Value and of what is in it (tensorboard/compat/proto/summary.proto).
enum Field { kTag = 1, kSimpleValue = 2, kImage = 4, kHisto = 5, kTensor = 8, kMetadata = 9 };

Message scalar(const std::string& tag, double value) {
  return Message().bytes(kTag, tag).single(kSimpleValue, static_cast<float>(value));
}

// Whose value it is: SummaryMetadata with PluginData in it.
Message of_plugin(const std::string& name, const std::string& content) {
  Message plugin;
  plugin.bytes(1, name);
  if (!content.empty()) plugin.bytes(2, content);
  return Message().message(1, plugin);
}

// The limits of TensorBoard's buckets, in rising order.
const torch::Tensor& bucket_limits() {
  static const torch::Tensor limits = [] {
    std::vector<double> positive, all;
    for (double v = 1e-12; v < 1e20; v *= 1.1) positive.push_back(v);
    for (auto v = positive.rbegin(); v != positive.rend(); ++v) all.push_back(-*v);
    all.push_back(0);
    all.insert(all.end(), positive.begin(), positive.end());
    return torch::tensor(all, torch::kFloat64);
  }();
  return limits;
}

std::string plugin_data(int field, const Message& content) {
  return Message().message(field, content).bytes();
}

}  // namespace

SummaryWriter::SummaryWriter(std::filesystem::path log_dir)
    : log_dir_(std::move(log_dir)), file_(log_dir_) {}

void SummaryWriter::add_scalar(const std::string& tag, double value, int64_t step) {
  file_.add(scalar(tag, value), step);
}

void SummaryWriter::add_scalars(const std::string& main_tag,
                                const std::map<std::string, double>& values, int64_t step) {
  std::string folder = main_tag;
  std::replace(folder.begin(), folder.end(), '/', '_');
  for (const auto& [tag, value] : values) {
    std::unique_ptr<EventFile>& file = charts_[folder + "_" + tag];
    if (file == nullptr) file = std::make_unique<EventFile>(log_dir_ / (folder + "_" + tag));
    file->add(scalar(main_tag, value), step);
  }
}

void SummaryWriter::add_image(const std::string& tag, const torch::Tensor& image, int64_t step) {
  const std::string png = course::encode_png(image);
  const auto extent = [&](int64_t from_end) {
    return static_cast<uint64_t>(image.size(image.dim() - from_end));
  };
  const uint64_t channels = image.dim() == 2 ? 1 : extent(3);
  const Message content =
      Message().whole(1, extent(2)).whole(2, extent(1)).whole(3, channels).bytes(4, png);
  file_.add(Message().bytes(kTag, tag).message(kImage, content), step);
}

void SummaryWriter::add_images(const std::string& tag, const torch::Tensor& images, int64_t step) {
  add_image(tag, course::image_grid(images), step);
}

void SummaryWriter::add_histogram(const std::string& tag, const torch::Tensor& values,
                                  int64_t step) {
  torch::Tensor all = values.detach().to(torch::kCPU, torch::kFloat64).flatten();
  all = all.masked_select(all.isfinite());
  if (all.numel() == 0) return;
  const torch::Tensor& limits = bucket_limits();
  const int64_t buckets = limits.size(0) - 1;
  // Bucket i is [limit i, limit i + 1); the last one has its end as well.
  torch::Tensor index = torch::bucketize(all, limits, /*out_int32=*/false, /*right=*/true) - 1;
  index = torch::where(all == limits[buckets], torch::full_like(index, buckets - 1), index);
  index = index.masked_select((index >= 0) & (index < buckets));
  const torch::Tensor counted = torch::bincount(index, {}, buckets).to(torch::kFloat64);
  // Those from the first that has a value to the last, with an empty one before them, whose limit
  // is where the first begins.
  const torch::Tensor used = counted.nonzero().flatten();
  std::vector<double> limit, count;
  if (used.numel() > 0) {
    const int64_t first = used[0].item<int64_t>(), last = used[-1].item<int64_t>();
    const double* limit_at = limits.data_ptr<double>();
    const double* count_at = counted.data_ptr<double>();
    limit.assign(limit_at + first, limit_at + last + 2);
    count.assign(count_at + first, count_at + last + 1);
    count.insert(count.begin(), 0);
  }
  const Message histogram = Message()
                                .number(1, all.min().item<double>())
                                .number(2, all.max().item<double>())
                                .number(3, static_cast<double>(all.numel()))
                                .number(4, all.sum().item<double>())
                                .number(5, all.dot(all).item<double>())
                                .numbers(6, limit)
                                .numbers(7, count);
  file_.add(Message().bytes(kTag, tag).message(kHisto, histogram), step);
}

void SummaryWriter::add_text(const std::string& tag, const std::string& text, int64_t step) {
  constexpr uint64_t kString = 7;  // the dtype
  const Message shape = Message().message(2, Message().whole(1, 1));
  const Message tensor = Message().whole(1, kString).message(2, shape).bytes(8, text);
  file_.add(Message()
                .bytes(kTag, tag + "/text_summary")
                .message(kTensor, tensor)
                .message(kMetadata, of_plugin("text", "")),
            step);
}

// Three values: what a run can differ in, what this one has, and that it is over (without which
// TensorBoard shows nothing).
void SummaryWriter::add_hparams(const course::Dict& hparams,
                                const std::map<std::string, double>& metrics) {
  enum Type : uint64_t { kStringType = 1, kBoolType = 2, kNumberType = 3 };
  Message experiment, session;
  for (const auto& [name, value] : hparams) {
    if (value.is_none()) continue;
    const bool is_bool = value.is<bool>();
    const bool is_number = value.is<int64_t>() || value.is<double>();
    Message content;  // google.protobuf.Value
    if (is_bool) {
      content.whole(4, value.as_bool() ? 1 : 0);
    } else if (is_number) {
      content.number(2, value.as_double());
    } else {
      content.bytes(3, course::python_str(value));
    }
    const std::string key = course::python_str(name);
    const Type type = is_bool ? kBoolType : is_number ? kNumberType : kStringType;
    experiment.message(4, Message().bytes(1, key).whole(4, type));
    session.message(1, Message().bytes(1, key).message(2, content));
  }
  for (const auto& [name, value] : metrics) {
    experiment.message(5, Message().message(1, Message().bytes(2, name)));
  }
  constexpr uint64_t kSuccess = 1;
  const auto add = [&](const std::string& tag, const std::string& data) {
    file_.add(
        Message().bytes(kTag, "_hparams_/" + tag).message(kMetadata, of_plugin("hparams", data)),
        0);
  };
  add("experiment", plugin_data(2, experiment));
  add("session_start_info", plugin_data(3, session));
  add("session_end_info", plugin_data(4, Message().whole(1, kSuccess)));
}

void SummaryWriter::flush() {
  file_.flush();
  for (const auto& [name, file] : charts_) file->flush();
}

}  // namespace lit

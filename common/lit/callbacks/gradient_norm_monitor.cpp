// GradientNormMonitor: how large the gradients are, to the loggers.
#include "lit/callbacks/gradient_norm_monitor.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cmath>

#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/parameters.h"
#include "serialize/python_text.h"

namespace lit {
std::vector<std::pair<std::string, LogValue>> grad_norm(const torch::nn::Module& module,
                                                        double norm_type,
                                                        const std::string& group_separator) {
  if (!(norm_type > 0)) {
    throw Error(fmt::format("norm_type is {}, but must be above 0", norm_type));
  }
  const torch::NoGradGuard no_grad;
  const std::string prefix = "grad_" + course::python_float(norm_type) + "_norm";
  std::vector<std::pair<std::string, LogValue>> named;
  std::vector<torch::Tensor> norms;
  for (const auto& parameter : course::named_parameters(module)) {
    const torch::Tensor& gradient = parameter.value().grad();
    if (!gradient.defined()) continue;
    norms.push_back(gradient.detach().norm(norm_type).to(torch::kFloat32));
    named.emplace_back(prefix + group_separator + parameter.key(), norms.back());
  }
  if (!norms.empty()) named.emplace_back(prefix + "_total", torch::stack(norms).norm(norm_type));
  return named;
}

GradientNormMonitor::GradientNormMonitor(Options options) : options_(options) {
  if (!(options.norm_type > 0)) {
    throw Error(fmt::format("norm_type of GradientNormMonitor is {}, but must be above 0",
                            options.norm_type));
  }
}

void GradientNormMonitor::on_before_optimizer_step(Trainer& trainer, LightningModule& module,
                                                   torch::optim::Optimizer&) {
  const bool due = trainer.should_update_logs();
  if (!due && !options_.prog_bar) return;
  const auto norms = grad_norm(module, options_.norm_type);
  if (norms.empty()) return;
  const auto& [total, value] = norms.back();
  module.log(total, value, {.prog_bar = options_.prog_bar});
  if (!due || !options_.per_parameter) return;
  for (size_t i = 0; i + 1 < norms.size(); ++i) module.log(norms[i].first, norms[i].second);
}

}  // namespace lit

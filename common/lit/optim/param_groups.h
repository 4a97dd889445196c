// What an optimizer's parameter groups are set to, whichever class the optimizer is of.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace torch::optim {
class Optimizer;
class OptimizerParamGroup;
}  // namespace torch::optim

namespace lit {

/// A number for all parameter groups, or one for each: `.max_lr = 0.1`, `.max_lr = {0.1, 0.01}`.
class PerGroup {
 public:
  PerGroup(double for_all) : values_{for_all} {}
  PerGroup(std::initializer_list<double> for_each) : values_(for_each) {}
  PerGroup(std::vector<double> for_each) : values_(std::move(for_each)) {}

  /// One for each of so many groups.
  /// @param name  of the option, for the message
  /// @throws Error if it was given another number of values
  std::vector<double> expand(size_t groups, const std::string& name) const;

 private:
  std::vector<double> values_;
};

/// The learning rate of each parameter group.
std::vector<double> learning_rates(const torch::optim::Optimizer& optimizer);
/// Sets them. @throws Error unless there is one for each group
void set_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<double>& rates);

/// The momentum of a group: that of SGD and RMSprop, the first beta of Adam and AdamW; none: its
/// optimizer has no such thing.
std::optional<double> momentum(const torch::optim::OptimizerParamGroup& group);
/// Sets it. @throws Error if the optimizer has none
void set_momentum(torch::optim::OptimizerParamGroup& group, double momentum);
/// The weight decay of a group; none: its optimizer has no such thing.
std::optional<double> weight_decay(const torch::optim::OptimizerParamGroup& group);

}  // namespace lit

// Which parts of a module are in training mode, put away during an evaluation.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <utility>
#include <vector>

namespace lit {

class Modes {
 public:
  void save(torch::nn::Module& module) {
    modes_.clear();
    // libtorch's list, which has a part after each of those that it is inside of: train() of any of
    // them changes it.
    for (const auto& part : module.modules()) modes_.emplace_back(part, part->is_training());
  }
  void restore() {
    // Module::train() goes down to the children, which have their own mode: outermost first.
    for (const auto& [part, training] : modes_) {
      if (part->is_training() != training) part->train(training);
    }
    forget();
  }
  void forget() { modes_.clear(); }

 private:
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;
};

}  // namespace lit

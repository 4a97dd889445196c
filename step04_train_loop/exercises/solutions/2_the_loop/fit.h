// A loop that halves the learning rate now and then.
#pragma once

#include <torch/torch.h>

#include <vector>

/// Trains for `epochs` epochs on one batch, and halves the learning rate of all groups after every
/// `every` of them. Returns the rate that each epoch was trained with.
template <typename Model>
std::vector<double> fit(Model& model, const torch::data::Example<>& batch,
                        torch::optim::Optimizer& optimizer, int64_t epochs, int64_t every) {
  std::vector<double> rates;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    rates.push_back(optimizer.param_groups()[0].options().get_lr());

    const torch::Tensor scores = model(batch.data);
    const torch::Tensor loss = torch::mse_loss(scores, batch.target);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();

    if (epoch % every == 0) {
      for (auto& group : optimizer.param_groups()) {
        group.options().set_lr(group.options().get_lr() / 2);
      }
    }
  }
  return rates;
}

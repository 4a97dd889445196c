// One epoch.
#pragma once

#include <torch/torch.h>

#include <vector>

/// Trains the model, which is called as model(data), on every batch once; the loss is the mean
/// square of what it is off by. Returns the mean loss of the epoch's samples.
template <typename Model>
double train_one_epoch(Model& model, const std::vector<torch::data::Example<>>& batches,
                       torch::optim::Optimizer& optimizer) {
  model->train();
  double sum = 0;
  int64_t samples = 0;
  for (const torch::data::Example<>& batch : batches) {
    const torch::Tensor loss = torch::mse_loss(model(batch.data), batch.target);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    sum += loss.template item<double>() * static_cast<double>(batch.data.size(0));
    samples += batch.data.size(0);
  }
  return sum / static_cast<double>(samples);
}

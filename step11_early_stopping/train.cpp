// Training: the epoch loop.
#include "train.h"

#include <spdlog/spdlog.h>

#include "checkpoint.h"
#include "config/choice.h"
#include "data/permutation.h"
#include "early_stopping.h"
#include "evaluate.h"
#include "serialize/state_dict.h"
#include "terminal/interrupt.h"

namespace {

// region optimizer
using Parameters = std::vector<torch::Tensor>;

std::unique_ptr<torch::optim::Optimizer> sgd(const Parameters& parameters, const Config& config) {
  return std::make_unique<torch::optim::SGD>(parameters,
                                             torch::optim::SGDOptions(config.learning_rate)
                                                 .momentum(config.momentum)
                                                 .weight_decay(config.weight_decay));
}

std::unique_ptr<torch::optim::Optimizer> adam(const Parameters& parameters, const Config& config) {
  return std::make_unique<torch::optim::Adam>(
      parameters,
      torch::optim::AdamOptions(config.learning_rate).weight_decay(config.weight_decay));
}

const std::map<std::string, decltype(&sgd)> kOptimizers{{"adam", adam}, {"sgd", sgd}};
// endregion

}  // namespace

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Classifier& model,
                                                        const Config& config) {
  return course::choose("optimizer", config.optimizer, kOptimizers)(model.parameters(), config);
}

// region epoch
double train_one_epoch(Classifier& model, EpochLoader& loader, torch::optim::Optimizer& optimizer,
                       const torch::Device& device, course::ProgressBar& progress) {
  model.train();
  torch::nn::CrossEntropyLoss criterion;
  torch::Tensor sum = torch::zeros({}, device);
  int64_t samples = 0;
  for (const torch::data::Example<>& batch : loader) {
    const torch::Tensor images = batch.data.to(device);
    const torch::Tensor labels = batch.target.to(device);

    // region five_lines
    const torch::Tensor scores = model.forward(images);
    const torch::Tensor loss = criterion(scores, labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    // endregion

    // Summed where the loss is: item() in every step would make the device wait for the printer.
    sum += loss.detach() * images.size(0);
    samples += images.size(0);
    progress.advance(images.size(0));
  }
  return sum.item<double>() / static_cast<double>(samples);
}
// endregion

// region train
History train(Classifier& model, const Splits& splits, const torch::Device& device,
              const Config& config, const Seeds& seeds, MetricsFile& metrics,
              const std::filesystem::path& folder) {
  const course::InterruptGuard guard;  // Ctrl-C and SIGTERM wait for the end of a batch
  const auto file = folder / "model.pt";
  const auto optimizer = make_optimizer(model, config);
  EarlyStopping stopping(config.patience, config.min_delta);
  course::Dict best = course::cloned(course::state_dict(model)).as_dict();
  History history;
  for (int64_t epoch = 1; epoch <= config.epochs && !stopping.should_stop(); ++epoch) {
    torch::manual_seed(course::mix_seed(seeds.dropout, epoch));
    const auto loader = make_epoch_loader(splits.train, config, seeds, epoch);
    course::ProgressBar progress(fmt::format("epoch {:2}/{}", epoch, config.epochs),
                                 static_cast<int64_t>(*splits.train.size()), "pictures");
    double loss = 0;
    try {
      loss = train_one_epoch(model, *loader, *optimizer, device, progress);
    } catch (const course::Interrupted&) {
      if (epoch == 1) save_checkpoint(file, model, config, 0);  // else the best is there
      throw;
    }
    const Evaluation validation = evaluate(model, splits.validation, device, config.batch_size);
    const double validation_loss = validation.loss();
    const bool is_best = stopping.observe(epoch, validation_loss);
    if (is_best) {
      best = course::cloned(course::state_dict(model)).as_dict();  // by value: it trains on
      save_checkpoint(file, model, config, epoch);
    }
    spdlog::info(progress.close(
        fmt::format("loss {:.4f}  val loss {:.4f}{}", loss, validation_loss, is_best ? "*" : " ")));
    metrics.write(epoch, {{"train_loss", loss},
                          {"val_loss", validation_loss},
                          {"val_accuracy", validation.accuracy()}});
    history.epochs.push_back(static_cast<double>(epoch));
    history.train_loss.push_back(loss);
    history.validation_loss.push_back(validation_loss);
  }
  course::load_state_dict(model, best);
  history.best_epoch = stopping.best_epoch();
  history.reason = stopping.reason();
  return history;
}
// endregion

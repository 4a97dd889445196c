// OnExceptionCheckpoint: a run that is cut short leaves a file to go on from.
#include "lit/callbacks/on_exception_checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <system_error>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"

namespace lit {

OnExceptionCheckpoint::OnExceptionCheckpoint(Options options) : options_(std::move(options)) {
  if (options_.dirpath.empty() || options_.filename.empty()) {
    throw Error("OnExceptionCheckpoint needs a dirpath and a filename to write to");
  }
}

std::filesystem::path OnExceptionCheckpoint::ckpt_path() const {
  return options_.dirpath / (options_.filename + ".ckpt");
}

// A run that has trained nothing yet must not replace what it was to resume from. A failed save
// must not hide the original exception.
void OnExceptionCheckpoint::on_exception(Trainer& trainer, LightningModule&,
                                         const std::exception&) {
  const bool fits = trainer.state().fn == TrainerState::Fn::fit && !trainer.fast_dev_run();
  if (!fits || !trainer.has_trained()) return;
  try {
    trainer.save_checkpoint(ckpt_path());
    info(fmt::format("what the run had reached is kept in {}", ckpt_path().string()));
  } catch (const std::exception& error) {
    warn(fmt::format("no checkpoint could be saved: {}", error.what()));
  }
}

void OnExceptionCheckpoint::teardown(Trainer& trainer, LightningModule&, const std::string& stage) {
  if (stage != "fit" || trainer.fast_dev_run() || !trainer.has_trained()) return;
  std::error_code none;
  std::filesystem::remove(ckpt_path(), none);
}

}  // namespace lit

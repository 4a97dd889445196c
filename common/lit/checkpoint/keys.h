// The keys of a checkpoint, which are Lightning's, but for the one that tells our format.
#pragma once

namespace lit::keys {

inline constexpr const char* kEpoch = "epoch";
inline constexpr const char* kGlobalStep = "global_step";
inline constexpr const char* kVersion = "pytorch-lightning_version";
inline constexpr const char* kFormat = "lit_format";
inline constexpr const char* kStateDict = "state_dict";
inline constexpr const char* kLoops = "loops";
inline constexpr const char* kFitLoop = "fit_loop";
inline constexpr const char* kCallbacks = "callbacks";
inline constexpr const char* kOptimizers = "optimizer_states";
inline constexpr const char* kSchedulers = "lr_schedulers";
inline constexpr const char* kPrecision = "precision";
inline constexpr const char* kHparamsName = "hparams_name";
inline constexpr const char* kHparams = "hyper_parameters";
inline constexpr const char* kDataHparamsName = "datamodule_hparams_name";
inline constexpr const char* kDataHparams = "datamodule_hyper_parameters";

}  // namespace lit::keys

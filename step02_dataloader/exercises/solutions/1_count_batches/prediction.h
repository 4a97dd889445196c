// What do you think: 1000 samples, batches of 64?
#pragma once

#include <cstdint>

constexpr int64_t kBatchesOfAnEpoch = 16;             // ceil(1000 / 64)
constexpr int64_t kSamplesInTheLastBatch = 40;        // 1000 - 15 * 64
constexpr int64_t kBatchesWithDropLast = 15;          // floor(1000 / 64)
constexpr int64_t kSamplesNeverSeen = 40;             // those that do not fill a batch
constexpr int64_t kSamplesFetchedInTwoEpochs = 2000;  // each once an epoch
constexpr bool kSameSamplesInBothEpochs = true;       // drawn without putting back

// What do you think: 1000 samples, batches of 64?
#pragma once

#include <cstdint>

constexpr int64_t kBatchesOfAnEpoch = 0;           // TODO(1)
constexpr int64_t kSamplesInTheLastBatch = 0;      // TODO(1)
constexpr int64_t kBatchesWithDropLast = 0;        // TODO(2)
constexpr int64_t kSamplesNeverSeen = 0;           // TODO(2)
constexpr int64_t kSamplesFetchedInTwoEpochs = 0;  // TODO(3)
constexpr bool kSameSamplesInBothEpochs = false;   // TODO(4)

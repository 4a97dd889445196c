// Which layer is made first: 1 the hidden one, 2 the output, 0 when the standard promises nothing?
#pragma once

constexpr int kFirstOfMembers = -1;
constexpr int kFirstOfBraces = -1;
constexpr int kFirstOfArguments = -1;
constexpr int kWaysThatGivePythonsWeights = -1;

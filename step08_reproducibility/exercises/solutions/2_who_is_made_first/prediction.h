// Which layer is made first: 1 the hidden one, 2 the output, 0 when the standard promises nothing?
#pragma once

constexpr int kFirstOfMembers = 1;              // as they are declared, not as they are listed
constexpr int kFirstOfBraces = 1;               // from left to right
constexpr int kFirstOfArguments = 0;            // as the compiler likes
constexpr int kWaysThatGivePythonsWeights = 2;  // the first two

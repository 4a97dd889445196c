// Every spelling that differs between libtorch 1.13, 2.6 and newer, and nothing else.
#pragma once

#include <torch/version.h>

#include <string>

/// True for libtorch 2.0 and newer.
#define COURSE_TORCH_2 (TORCH_VERSION_MAJOR >= 2)

// All that a program needs to train a module: the one header to include.
#pragma once

#include "lit/callbacks/callback.h"
#include "lit/core/batch.h"
#include "lit/core/data_module.h"
#include "lit/core/loader.h"
#include "lit/core/module.h"
#include "lit/error.h"
#include "lit/optim/schedulers.h"
#include "lit/trainer/trainer.h"

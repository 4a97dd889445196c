// What a trained model does, as text: the confusion matrix, and its worst mistakes.
#pragma once

#include <string>
#include <vector>

#include "data/image_set.h"

/// Prints how often each class (row) was taken for each (column). @param counts [C, C] int64
void show_confusion(const torch::Tensor& counts, const std::vector<std::string>& names);

/// Prints the samples of which the model was most certain, and wrong.
/// @param probabilities [N, C], in the order of the set
void show_mistakes(const torch::Tensor& probabilities, const course::ImageSet& set);

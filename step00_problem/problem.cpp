// The problem: pictures of clothing, each with a label, and the wish for a function that tells the
// label.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "terminal/picture.h"

namespace {

struct Options {
  std::string data_dir;
  int64_t per_class = 1;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step00_problem", "What the data looks like, and what is asked of f_theta.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("per-class", options.per_class, "pictures shown of each class", course::at_least(1));
  flags.parse(argc, argv);
  return options;
}

// region samples
// The first few samples of every class, each a picture and its label.
std::vector<course::CaptionedPicture> first_of_each_class(const course::ImageSet& set,
                                                          int64_t per_class) {
  std::vector<course::CaptionedPicture> pictures;
  const auto classes = static_cast<int64_t>(set.class_names.size());
  for (int64_t label = 0; label < classes; ++label) {
    const torch::Tensor indices = (set.labels == label).nonzero().flatten();
    for (int64_t k = 0; k < std::min(per_class, indices.size(0)); ++k) {
      pictures.push_back({set.images[indices[k].item<int64_t>()],
                          fmt::format("{} {}", label, set.class_names[label])});
    }
  }
  return pictures;
}
// endregion

// region numbers
// What a program sees of a picture: brightness, 0 to 255, one number per pixel.
void print_numbers(const torch::Tensor& image, int64_t first_row, int64_t rows) {
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    std::string line;
    for (int64_t column = 4; column < 24; ++column) {
      line += fmt::format("{:4}", image[row][column].item<int>());
    }
    fmt::print("{}\n", line);
  }
}
// endregion

void show_problem(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const course::ImageSet train = course::load_image_set(location, course::Split::train);
  const course::ImageSet test = course::load_image_set(location, course::Split::test);
  fmt::print("{}\n", course::describe(location));
  fmt::print("{}: {} pictures to learn from, {} to be tested on, {} classes\n\n", train.name,
             train.images.size(0), test.images.size(0), train.class_names.size());

  const auto pictures = first_of_each_class(train, options.per_class);
  fmt::print("{}\n", course::contact_sheet(pictures));

  const torch::Tensor& image = train.images[0];
  const auto label = train.labels[0].item<int64_t>();
  fmt::print(
      "Sample 0 is labelled \"{}\". A piece of it as the program gets it ({} numbers in all):\n\n",
      train.class_names[label], image.numel());
  print_numbers(image, 10, 8);

  fmt::print("\nWanted: f_theta(picture) = {} scores, the highest one at the right label,\n",
             train.class_names.size());
  fmt::print("for pictures that nobody showed it before. theta is what training has to find.\n");
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { show_problem(parse_flags(argc, argv)); });
}

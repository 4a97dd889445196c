// One function, several theta: how good is each? Chance, a theta drawn by hand, and the class
// means.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "terminal/picture.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string data_dir;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step00_f_theta",
                      "The same function at several theta, judged by two numbers.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.parse(argc, argv);
  return options;
}

// region f_theta
// theta: every number that can be changed about the function.
struct Theta {
  torch::Tensor weight;  // [10, 784]: for each class, what every pixel counts for or against it
  torch::Tensor bias;    // [10]: what each class starts with
};

// f_theta: 784 pixels in, 10 scores out, for a whole batch of pictures at once: [N, 784] -> [N,
// 10].
torch::Tensor f(const Theta& theta, const torch::Tensor& pixels) {
  return pixels.matmul(theta.weight.t()) + theta.bias;
}
// endregion

// region judge
// How far the probabilities (softmax of the scores) are from certainty about the right label.
double loss_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  return torch::nn::functional::cross_entropy(scores, labels).item<double>();
}

// The share of pictures whose highest score is at the right label.
double accuracy_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  return (scores.argmax(1) == labels).to(torch::kFloat32).mean().item<double>();
}
// endregion

// What each class looks like to someone with a pencil and 7 x 7 squares, in the order of the
// labels.
using Drawing = std::array<std::string_view, 7>;
constexpr std::array<Drawing, 10> kDrawings{{
    {"##.#.##", "#######", "..###..", "..###..", "..###..", "..###..", "..###.."},  // T-shirt/top
    {"..###..", "..###..", "..###..", "..#.#..", "..#.#..", "..#.#..", "..#.#.."},  // Trouser
    {"..#.#..", ".#####.", "#######", "#######", "#.###.#", "#.###.#", "#.....#"},  // Pullover
    {"...#...", "..###..", "..###..", "...#...", "..###..", "..###..", "..###.."},  // Dress
    {"..#.#..", ".##.##.", "###.###", "###.###", "###.###", "###.###", "#.#.#.#"},  // Coat
    {".......", ".......", "....###", "..##.##", "##..#..", "####.##", "......."},  // Sandal
    {"..###..", ".##.##.", "#######", "#.###.#", "#.###.#", "#.###.#", "..###.."},  // Shirt
    {".......", ".......", "....#.#", "..#####", "#######", "#######", "......."},  // Sneaker
    {"..###..", ".#...#.", "#######", "#######", "#######", "#######", "#######"},  // Bag
    {"...###.", "...####", "...####", "..#####", "#######", "#######", "......."},  // Ankle boot
}};

// A drawing as a 28 x 28 picture of ones and zeros.
torch::Tensor picture_of(const Drawing& drawing) {
  torch::Tensor picture = torch::zeros({7, 7});
  for (int64_t row = 0; row < 7; ++row) {
    for (int64_t column = 0; column < 7; ++column) {
      if (drawing[row][column] == '#') picture[row][column] = 1.0F;
    }
  }
  return picture.repeat_interleave(4, 0).repeat_interleave(4, 1);
}

// region thetas
Theta zero_theta() {
  return {torch::zeros({10, 784}), torch::zeros({10})};
}

Theta random_theta() {
  return {torch::randn({10, 784}) / 28, torch::zeros({10})};
}

// A pixel inside the drawing counts for the class, one outside counts against it.
Theta drawn_theta() {
  std::vector<torch::Tensor> rows;
  for (const Drawing& drawing : kDrawings) {
    torch::Tensor row = picture_of(drawing).flatten();
    row = row - row.mean();
    rows.push_back(0.1 * row / row.norm());
  }
  return {torch::stack(rows), torch::zeros({10})};
}

// The nearest class mean: |x - m|^2 = |x|^2 - 2 m.x + |m|^2, where |x|^2 is the same for every
// class. `sharpness` multiplies all scores: it changes how sure the answer is, never which one it
// is.
Theta class_means_theta(const torch::Tensor& pixels, const torch::Tensor& labels,
                        double sharpness) {
  std::vector<torch::Tensor> means;
  for (int64_t label = 0; label < 10; ++label)
    means.push_back(pixels.index({labels == label}).mean(0));
  const torch::Tensor mean = torch::stack(means);
  return {sharpness * 2 * mean, -sharpness * mean.square().sum(1)};
}
// endregion

void compare_thetas(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const course::ImageSet train = course::load_image_set(location, course::Split::train);
  const course::ImageSet test = course::load_image_set(location, course::Split::test);
  const torch::Tensor train_pixels = train.images.flatten(1).to(torch::kFloat32) / 255;
  const torch::Tensor test_pixels = test.images.flatten(1).to(torch::kFloat32) / 255;
  fmt::print("{}\n\n", course::describe(location));

  std::vector<course::CaptionedPicture> drawings;
  for (size_t label = 0; label < kDrawings.size(); ++label) {
    drawings.push_back({picture_of(kDrawings[label]), train.class_names[label]});
  }
  fmt::print("The theta drawn by hand, one picture per class:\n\n{}\n",
             course::contact_sheet(drawings));

  fmt::print("f_theta has {} numbers in theta. On {} pictures that no theta was made from:\n\n",
             10 * 784 + 10, test.images.size(0));
  course::Table table({course::left("theta"), course::right("loss"), course::right("accuracy")});
  const auto judge = [&](const std::string& name, const Theta& theta) {
    const torch::Tensor scores = f(theta, test_pixels);
    table.row({name, fmt::format("{:.4f}", loss_of(scores, test.labels)),
               course::percent(accuracy_of(scores, test.labels))});
  };
  judge("all zero", zero_theta());
  judge("random numbers", random_theta());
  judge("drawn by hand", drawn_theta());
  for (const double sharpness : {0.01, 0.1, 1.0}) {
    judge(fmt::format("class means, sharpness {}", sharpness),
          class_means_theta(train_pixels, train.labels, sharpness));
  }
  fmt::print("{}\n", table.text());
  fmt::print("Chance level: a loss of ln(10) = {:.4f} and 10 % right.\n", std::log(10.0));
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { compare_thetas(parse_flags(argc, argv)); });
}

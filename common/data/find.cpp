// Finds the data set: in the folder that was named, or in the usual places.
#include "data/find.h"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

#include "error.h"

namespace course {
namespace {

namespace fs = std::filesystem;

const char* stem(Split split) {
  return split == Split::train ? "train" : "t10k";
}

// images-idx3-ubyte or labels-idx1-ubyte, spelled with one of the two separators
std::string file_name(Split split, bool images, char separator) {
  return std::string(stem(split)) + (images ? "-images" : "-labels") + separator +
         (images ? "idx3-ubyte" : "idx1-ubyte");
}

// Anything of that name counts, a folder too: that it cannot be read is said by who reads it.
std::optional<fs::path> find_file(const fs::path& folder, Split split, bool images) {
  for (const char* packed : {"", ".gz"}) {
    for (const char separator : {'-', '.'}) {
      const fs::path file = folder / (file_name(split, images, separator) + packed);
      std::error_code code;
      if (fs::status(file, code).type() != fs::file_type::not_found) return file;
    }
  }
  return std::nullopt;
}

std::vector<std::string> missing_files(const fs::path& folder, Split split) {
  std::vector<std::string> missing;
  for (const bool images : {true, false}) {
    if (!find_file(folder, split, images)) missing.push_back(file_name(split, images, '-'));
  }
  return missing;
}

bool complete(const fs::path& folder) {
  for (const Split split : {Split::train, Split::test}) {
    for (const bool images : {true, false}) {
      const auto file = find_file(folder, split, images);
      std::error_code code;
      if (!file || !fs::is_regular_file(*file, code)) return false;
    }
  }
  return true;
}

// "a", "a and b", "a, b and c"
std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

fs::path sample_folder() {
  return fs::path(COURSE_REPOSITORY) / "common" / "data" / "sample";
}

// The folder that the user named; `leave_out` says how to do without.
DataLocation named_folder(const fs::path& folder, const std::string& origin,
                          const std::string& leave_out) {
  std::error_code code;
  const std::string advice =
      "; name a folder with the four IDX files of a data set (each may end "
      "in .gz), or " +
      leave_out;
  if (!fs::is_directory(folder, code)) {
    const bool there = fs::status(folder, code).type() != fs::file_type::not_found;
    throw Error(origin + ": " + folder.string() +
                (there ? " is not a folder that can be read" : " does not exist") + advice);
  }
  std::vector<std::string> missing = missing_files(folder, Split::train);
  const std::vector<std::string> missing_test = missing_files(folder, Split::test);
  if (!missing.empty() && !missing_test.empty()) {
    missing.insert(missing.end(), missing_test.begin(), missing_test.end());
    throw Error(origin + ": " + folder.string() + " lacks " + list(missing) + advice);
  }
  const bool sample = fs::equivalent(folder, sample_folder(), code);
  return {.folder = folder, .origin = origin, .sample = sample};
}

}  // namespace

std::vector<DataLocation> usual_places() {
  const fs::path repository = COURSE_REPOSITORY;
  return {
      {.folder = repository / "data", .origin = "the repository's folder data"},
      {.folder = repository / "data" / "fashion-mnist", .origin = "the repository's folder data"},
      {.folder = "/usr/share/datasets/fashion-mnist",
       .origin = "Debian's package dataset-fashion-mnist"},
      {.folder = sample_folder(),
       .origin = "the sample that ships with the course",
       .sample = true},
  };
}

std::vector<DataLocation> mnist_places() {
  return {{.folder = fs::path(COURSE_REPOSITORY) / "data" / "mnist",
           .origin = "the repository's folder data"}};
}

DataLocation find_data(const std::string& data_dir, const std::string& option) {
  return find_data(data_dir, usual_places(), "fashion-mnist", option);
}

DataLocation find_data(const std::string& data_dir, const std::vector<DataLocation>& places,
                       const std::string& name, const std::string& option) {
  const auto found = [&](DataLocation location) {
    location.option = option;
    return location;
  };
  if (!data_dir.empty()) {
    return found(
        named_folder(data_dir, option, "leave " + option + " out to search the usual places"));
  }
  const char* environment = std::getenv("COURSE_DATA");
  if (environment != nullptr && *environment != '\0') {
    return found(
        named_folder(environment, "$COURSE_DATA", "unset COURSE_DATA to search the usual places"));
  }
  std::vector<std::string> looked_at;
  for (const DataLocation& place : places) {
    if (complete(place.folder)) return found(place);
    looked_at.push_back(place.folder.string());
  }
  throw Error("no data set was found: none of " + list(looked_at) +
              " has all four files; fetch it with ./course data " + name +
              ", or name a folder with " + option + " or $COURSE_DATA");
}

SplitFiles split_files(const DataLocation& location, Split split) {
  const std::vector<std::string> missing = missing_files(location.folder, split);
  if (!missing.empty()) {
    throw Error(location.folder.string() + " (" + location.origin + ") lacks " + list(missing) +
                " (or the same with .gz) of the " + (split == Split::train ? "training" : "test") +
                " split; put what is missing there, or name another folder with " +
                location.option);
  }
  return {.images = *find_file(location.folder, split, true),
          .labels = *find_file(location.folder, split, false)};
}

std::string describe(const DataLocation& location) {
  const std::string where = "data: " + location.folder.string();
  if (location.sample) {
    return where +
           " (a small real subset of Fashion-MNIST, 2,000 + 500 images; get all 70,000 with "
           "./course data fashion-mnist)";
  }
  return where + " (" + location.origin + ")";
}

}  // namespace course

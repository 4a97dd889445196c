// Finds the data set: in the folder that was named, or in the usual places.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace course {

/// The two halves that MNIST and its relatives are published in.
enum class Split { train, test };

/// A folder with a data set in it, and why it was chosen.
struct DataLocation {
  std::filesystem::path folder;
  std::string origin;
  /// It is the small subset that ships with the course.
  bool sample = false;
  /// What the program calls the option that names another folder.
  std::string option = "--data-dir";
};

/// The two files of a split; each plain or packed with gzip.
struct SplitFiles {
  std::filesystem::path images;
  std::filesystem::path labels;
};

/// Chooses the folder to read from: `data_dir` unless empty, else the environment's COURSE_DATA
/// unless empty, else the first of usual_places() that is complete. A folder that was named needs
/// one complete split; a usual place needs both.
/// @param option  what the program calls the option that `data_dir` comes from
/// @throws Error if the named folder is not there or has no complete split (with each missing
///         file), or if no usual place is complete (with every place looked at)
DataLocation find_data(const std::string& data_dir, const std::string& option = "--data-dir");

/// As above, with other places in the stead of the usual ones; `name` is what ./course data calls
/// the set, for the message.
DataLocation find_data(const std::string& data_dir, const std::vector<DataLocation>& places,
                       const std::string& name = "fashion-mnist",
                       const std::string& option = "--data-dir");

/// Where data are looked for when no folder is named, in this order: the repository's data/ and
/// data/fashion-mnist/, Debian's package dataset-fashion-mnist, and the sample that ships with the
/// course. The repository is the one this program was built from, whatever the working directory.
std::vector<DataLocation> usual_places();

/// The same for MNIST: the repository's data/mnist/, where ./course data mnist puts it.
std::vector<DataLocation> mnist_places();

/// The files of one split: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or `t10k-...`
/// for the test split, each also with a dot before `idx` (as some unpackers spell it) or `.gz`
/// at the end; a plain file is preferred to a packed one.
/// @throws Error that names each file that is missing
SplitFiles split_files(const DataLocation& location, Split split);

/// One line for a program to print: the folder, why it was chosen, and for the sample how to get
/// the whole data set.
std::string describe(const DataLocation& location);

}  // namespace course

// Profiler: where the time of a run goes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace lit {

/// Derive from it to measure what the Trainer does: every hook of every callback and of the module,
/// and what the loops do between them, each under a name (Lightning's), nested. The base measures
/// nothing.
class Profiler {
 public:
  virtual ~Profiler() = default;

  /// An action begins and ends. Others may begin and end in between.
  virtual void start(const std::string& action) { (void)action; }
  virtual void stop(const std::string& action) { (void)action; }
  /// A batch is over, of training or of an evaluation.
  virtual void step() {}
  /// What was measured so far, as text; "" if that is nothing.
  virtual std::string summary() { return ""; }

  /// A run begins. @param stage "fit", "validate", "test" or "predict"
  /// @param log_dir  where files go unless the profiler has another place
  virtual void setup(const std::string& stage, const std::filesystem::path& log_dir);
  /// The run has succeeded: reports summary(), by info() or in a file.
  virtual void describe();
  /// The run is over, however it ended.
  virtual void teardown() {}

  /// Measures a block: `const auto timed = trainer.profiler().profile("augment");`
  class Scope {
   public:
    Scope() = default;
    Scope(Profiler* profiler, std::string action)
        : profiler_(profiler), action_(std::move(action)) {
      if (profiler_ != nullptr) profiler_->start(action_);
    }
    ~Scope() {
      if (profiler_ != nullptr) profiler_->stop(action_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Profiler* profiler_ = nullptr;
    std::string action_;
  };
  [[nodiscard]] Scope profile(std::string action) { return {this, std::move(action)}; }

 protected:
  /// @param dirpath   "": the run's log_dir
  /// @param filename  "": describe() tells by info()
  Profiler(std::filesystem::path dirpath, std::string filename)
      : dirpath_(std::move(dirpath)), filename_(std::move(filename)) {}
  Profiler() = default;

  const std::string& stage() const { return stage_; }
  /// DIR/STAGE-FILENAME and the extension: "fit-profiler.txt".
  std::filesystem::path file(const std::string& extension) const;
  const std::string& filename() const { return filename_; }

 private:
  std::filesystem::path dirpath_, log_dir_;
  std::string filename_, stage_;
};

/// Measures nothing: the Trainer's, where it was given no other.
class PassThroughProfiler : public Profiler {};

/// The Trainer's option: "" for none, "simple", "pytorch", or one that was made by hand.
using ProfilerChoice = std::variant<std::string, std::shared_ptr<Profiler>>;

/// @throws Error for a name that is not known
std::shared_ptr<Profiler> make_profiler(const ProfilerChoice& choice);

}  // namespace lit

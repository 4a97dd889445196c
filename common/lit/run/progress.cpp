// How far a fit is.
#include "lit/run/progress.h"

#include <array>
#include <utility>

#include "lit/error.h"
#include "lit/run/moment.h"

namespace lit {
namespace {

constexpr std::array<std::pair<Place, const char*>, 6> kPlaces{
    {{Place::epoch_start, "epoch_start"},
     {Place::batch_start, "batch_start"},
     {Place::batch_end, "batch_end"},
     {Place::batch_logged, "batch_logged"},
     {Place::validated, "validated"},
     {Place::epoch_end, "epoch_end"}}};

}  // namespace

std::string name_of(Place place) {
  return kPlaces[static_cast<size_t>(place)].second;
}

Place place_named(const std::string& name) {
  for (const auto& [place, its_name] : kPlaces) {
    if (name == its_name) return place;
  }
  throw Error("the checkpoint was written at \"" + name + "\", which is not a place in an epoch");
}

const char* name_of(TrainerState::Fn fn) {
  switch (fn) {
    case TrainerState::Fn::fit:
      return "fit";
    case TrainerState::Fn::validate:
      return "validate";
    case TrainerState::Fn::test:
      return "test";
    case TrainerState::Fn::predict:
      return "predict";
    case TrainerState::Fn::none:
      break;
  }
  return "none";
}

}  // namespace lit

// Buffers of an evaluation, kept from resource to resource, and what it knows of the resource that
// it looks at. Internal to the module.
#pragma once

#include <string>

#include "search/folded_texts.h"
#include "search/number_range.h"

namespace sluice::search {

struct Scratch {
  std::string text;
  FoldedTexts folded;
  SampledRanges sampled;

  /// Another resource comes.
  void clear() {
    folded.clear();
    sampled.clear();
  }
};

}  // namespace sluice::search

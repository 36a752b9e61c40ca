// Where the tokens of a text begin and where it ends, found anew: what tokens that moved with
// their text must be equal to.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "json/json_tokens.h"

namespace sluice::fhir {

inline std::vector<std::uint32_t> token_offsets(std::string_view text) {
  JsonTokens tokens;
  if (!tokens.read(text)) return {};
  std::vector<std::uint32_t> offsets;
  for (std::size_t i = 0; i <= tokens.size(); ++i)
    offsets.push_back(static_cast<std::uint32_t>(tokens.begin(i)));
  return offsets;
}

}  // namespace sluice::fhir

#include "fhir/block_header.h"

#include "json/json_walk.h"

namespace sluice::fhir {

bool is_block_header(const JsonTokens& tokens) {
  if (string_member(tokens, 0, "resourceType") != "Parameters") return false;
  bool is_header = false;
  (void)each_member(tokens, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (means(tokens.raw_string(key), "parameter") && tokens.first(value) == '[' &&
        tokens.first(value + 1) == '{')
      is_header = string_member(tokens, value + 1, "name") == "header";
    return {};
  });
  return is_header;
}

}  // namespace sluice::fhir

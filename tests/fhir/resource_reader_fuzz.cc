// Whatever the bytes are: no crash, and what is accepted can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "fhir/resource_reader.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Whether these are the tokens that would be found in the text.
bool are_tokens_of(const std::vector<std::uint32_t>& offsets, std::string_view text) {
  static sluice::fhir::JsonTokens tokens;
  if (!tokens.read(text) || offsets.size() != tokens.size() + 1) return false;
  for (std::size_t i = 0; i < offsets.size(); ++i)
    if (offsets[i] != tokens.begin(i)) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fhir;
  static ResourceReader reader({}, "https://server/fhir");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = reader.read(text, "given");
  if (!first) return 0;
  require(first->content.find_first_of("\r\n") == std::string::npos);

  std::string line;
  append_with_meta(line, *first, 12, sluice::Instant{1795428930125});
  require(line.size() <= first->content.size() + 96);
  require(are_tokens_of(first->token_offsets, first->content));
  const StoredText stored = with_meta(*first, 12, sluice::Instant{1795428930125});
  require(stored.json == line && are_tokens_of(stored.token_offsets, line));
  const auto second = reader.read(line);
  require(second.has_value());
  require(second->type == first->type && second->id == first->id);
  require(second->owners == first->owners && second->supporting == first->supporting);
  require(second->meta_place != IncomingResource::MetaPlace::kWholeMeta);

  std::string again;
  append_with_meta(again, *second, 12, sluice::Instant{1795428930125});
  require(again == line);

  const auto content = reader.read(first->content);
  require(content.has_value() && content->content == first->content &&
          content->digest == first->digest);
  return 0;
}

// Bundles as requests: the entries of a transaction or a batch, as a client posted them. Apart from
// bundle_reader.h, which takes resources out of any Bundle and knows no interactions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// The most entries of one Bundle.
inline constexpr std::size_t kBundleEntriesMax = 100'000;

/// One entry. Texts are as the client wrote them, with JSON's escapes resolved.
struct BundleRequestEntry {
  std::string full_url;  ///< empty when there is none
  std::string method;    ///< "PUT"
  std::string url;       ///< "Patient/1"
  std::optional<std::string> if_none_match;
  std::optional<std::string> if_modified_since;
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_exist;
  std::size_t resource = 0;  ///< the token where it begins; 0 when there is none
};

/// A Bundle of type transaction or batch. Keeps a copy of the text.
class BundleRequest {
 public:
  enum class Kind : std::uint8_t { kTransaction, kBatch };

  /// kInvalid when the text is not such a Bundle, with "Bundle.entry[n]" for what is wrong with an
  /// entry: no request, a member of another kind than R4's, one that a request does not have,
  /// a text longer than such texts are; kTooLarge for more entries than kBundleEntriesMax.
  static Result<BundleRequest> read(std::string_view json);

  Kind kind() const { return kind_; }
  const std::vector<BundleRequestEntry>& entries() const { return entries_; }
  const JsonTokens& tokens() const { return tokens_; }
  /// The resource of an entry that has one, as it was sent.
  std::string_view resource_of(const BundleRequestEntry& entry) const;

 private:
  Result<void> read_root();
  Result<void> read_entry(std::size_t object);
  Result<void> read_interaction(std::size_t object, BundleRequestEntry& entry);
  Result<std::string> string_at(std::size_t value, std::string_view name) const;
  Error bad_entry(std::string_view what) const;

  JsonTokens tokens_;
  Kind kind_ = Kind::kTransaction;
  std::vector<BundleRequestEntry> entries_;
};

/// `error`, with the number of the entry that it is about in front.
Error about_entry(std::size_t index, Error error);

}  // namespace sluice::fhir

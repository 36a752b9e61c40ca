// One incoming resource: checked, brought to one line, and parsed into what the store needs. The
// text is parsed once, here: its tokens go with it (docs/decisions/0049).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Limits of I-05. A Group may be larger than any other resource: its members is one JSON document.
struct ReaderLimits {
  std::size_t resource_size_max = 10u << 20;
  std::size_t group_size_max = 256u << 20;
  std::size_t depth_max = 100;
};

/// SHA-256 of the content, cut to 16 bytes: equal digests mean equal content.
using ContentDigest = std::array<std::uint8_t, 16>;

/// A resource that came in, on one line with a place kept free for meta.versionId and
/// meta.lastUpdated: the one type from the reader to the store.
struct IncomingResource {
  ResourceType type;
  std::string id;
  /// The source's bytes without line breaks (white space between tokens is kept as it was, unless
  /// it contained a line break) and without meta.versionId and meta.lastUpdated.
  std::string content;
  /// Of `content`, as JsonTokens takes them; empty when its reader dropped them.
  std::vector<std::uint32_t> token_offsets;
  /// Where in `content` the two elements go, and which text surrounds them there (see
  /// append_with_meta).
  std::size_t meta_offset = 0;
  enum class MetaPlace : std::uint8_t {
    kWholeMeta,
    kOnlyMembers,
    kFirstMembers
  } meta_place = MetaPlace::kWholeMeta;
  ContentDigest digest{};
  /// The patients in whose compartments the resource is, by the R4 patient compartment definition:
  /// ids, sorted, unique; a Patient's own id first. Empty for none. Group is never in a compartment
  /// here: its members are read when they are needed.
  std::vector<std::string> owners;
  /// References to resources of types that may be supporting (Practitioner, Organization,
  /// Location, Device ...; see may_be_supporting), sorted, unique.
  std::vector<ResourceId> supporting;
  /// Of a Provenance: its targets, see possible_targets. Empty for other types.
  std::vector<ResourceId> targets;
  /// The Binaries that its Attachments name, see possible_binaries.
  std::vector<std::string> binaries;
  /// Of a Group: its members, see encode_members. Empty for other types.
  std::string members;

  /// The tokens of `content`, which must outlive them. Found once more when the reader dropped
  /// them.
  JsonTokens tokens() const { return JsonTokens::known_or_read(content, token_offsets); }
};

/// A resource's line as it is stored and sent, with its tokens.
struct StoredText {
  std::string json;
  std::vector<std::uint32_t> token_offsets = {};  ///< as in IncomingResource

  JsonTokens tokens() const { return JsonTokens::known_or_read(json, token_offsets); }
};
/// The line that append_with_meta() makes. The tokens are those of the resource, moved, not found
/// again.
StoredText with_meta(const IncomingResource& resource, std::uint32_t version, Instant last_updated);

/// Appends to `out` the exported line (no line break): `content` with meta.versionId and
/// meta.lastUpdated (F-05). Adds at most 96 bytes.
void append_with_meta(std::string& out, const IncomingResource& resource, std::uint32_t version,
                      Instant last_updated);

/// Reads resources. Holds parser buffers: one reader a thread.
class ResourceReader {
 public:
  /// Whether what was read keeps its tokens. A load, which holds thousands of resources until they
  /// are written, drops them and uses tokens().
  enum class Tokens : std::uint8_t { kKept, kDropped };

  /// `base_url`: absolute references below it count as local ones; may be empty.
  explicit ResourceReader(ReaderLimits limits = {}, std::string base_url = {},
                          Tokens tokens = Tokens::kKept);
  ~ResourceReader();
  ResourceReader(ResourceReader&&) noexcept;
  ResourceReader& operator=(ResourceReader&&) noexcept;

  /// Reads one JSON resource (with or without line breaks). Errors are kInvalid (kTooLarge for
  /// size) with a message that names the rule and the place but never the content: not valid UTF-8,
  /// not JSON (with the byte offset), not an object, resourceType missing or unknown, id missing or
  /// invalid, a key twice in one object, nested too deeply, something after the object, meta not an
  /// object.
  Result<IncomingResource> read(std::string_view json);

  /// As read(), for a resource that may lack an id (a Bundle entry, a create): then `id` is used.
  Result<IncomingResource> read(std::string_view json, std::string_view id_if_missing);

  /// As read(), for a create: the resource gets `id` in place of its own.
  Result<IncomingResource> read_as_new(std::string_view json, std::string_view id);

  /// The same of a text whose tokens are known, with kPadding readable bytes behind it.
  Result<IncomingResource> read(const JsonTokens& tokens);
  Result<IncomingResource> read(const JsonTokens& tokens, std::string_view id_if_missing);
  Result<IncomingResource> read_as_new(const JsonTokens& tokens, std::string_view id);
  /// The text that read(std::string_view, ...) read last, under another id if it has none. Its
  /// tokens are not found again.
  Result<IncomingResource> read_again(std::string_view id_if_missing);

  /// Of the resource that was read last, as it came.
  const JsonTokens& tokens() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::fhir

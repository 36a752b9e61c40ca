// The bytes of keys and values, as docs/formats.md describes them. Apart from everything that calls
// RocksDB, so that the format can be read, tested and kept in one place.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "store/store.h"

namespace sluice::store {

// Numbers in keys are big-endian, so that they sort; numbers in values are little-endian, so that
// the scan loop reads them with one load each.
static_assert(std::endian::native == std::endian::little, "values are read in place");

inline constexpr std::uint32_t kFormatVersion = 6;
/// Older versions, which are upgraded: version 1 had no `members`, version 2 no `targets`, version
/// 3 no packed lines, version 4 no `attachments`, version 5 no former owners in the change log and
/// Devices in no compartment.
inline constexpr std::uint32_t kFormatWithoutMembers = 1;
inline constexpr std::uint32_t kFormatWithoutTargets = 2;
inline constexpr std::uint32_t kFormatWithoutPacking = 3;
inline constexpr std::uint32_t kFormatWithoutAttachments = 4;
inline constexpr std::uint32_t kFormatWithoutFormerOwners = 5;

// ---- keys ----

/// A record's key in `current`: type | owner | 0 | id.
void append_record_key(std::string& out, fhir::ResourceType type, std::string_view owner,
                       std::string_view id);
struct RecordKey {
  fhir::ResourceType type;
  std::string_view owner;
  std::string_view id;
};
/// False for bytes that are no record key.
inline bool parse_record_key(std::string_view key, RecordKey& out) {
  if (key.size() < 3) return false;
  const char* const owner = key.data() + 2;
  const auto* const end =
      static_cast<const char*>(std::memchr(owner, '\0', static_cast<std::size_t>(key.size() - 2)));
  if (end == nullptr) return false;
  const auto* const b = reinterpret_cast<const unsigned char*>(key.data());
  out.type.code = static_cast<std::uint16_t>((b[0] << 8) | b[1]);
  out.owner = {owner, static_cast<std::size_t>(end - owner)};
  out.id = {end + 1, static_cast<std::size_t>(key.data() + key.size() - end - 1)};
  return true;
}

/// Where `position` of a KeyRange is among the record keys: type | position.
std::string range_key(fhir::ResourceType type, std::string_view position);
/// The exclusive end of a range among the record keys.
std::string range_end_key(const KeyRange& range);

/// A version's key in `history`: record key | 0 | ~sequence, so that the newest comes first.
void append_history_key(std::string& out, std::string_view record_key, Sequence sequence);

/// A resource's key in `locator`: type | id.
void append_locator_key(std::string& out, fhir::ResourceType type, std::string_view id);

/// A former place's key in `history`: FFFF | type | id | 0 | sequence from which it was elsewhere.
void append_place_key(std::string& out, std::string_view locator_key, Sequence until);

/// A key in `targets`: a Provenance's target, 0, its own id. Its value is as that of `history`: the
/// sequence that superseded it, or kNeverSuperseded.
void append_target_key(std::string& out, fhir::ResourceType type, std::string_view id,
                       std::string_view provenance);

/// A key in `attachments`: a Binary's id, 0, type and id of a resource that names it.
void append_attachment_key(std::string& out, std::string_view binary_id, fhir::ResourceType type,
                           std::string_view id);
/// The beginning of the keys of a Binary.
std::string attachments_of_binary(std::string_view binary_id);

void append_change_key(std::string& out, Sequence sequence, std::uint32_t n);
std::string transaction_key(Sequence sequence);
std::string instant_key(Instant instant);
std::string counter_key(fhir::ResourceType type);

// ---- records ----

enum class RecordKind : std::uint8_t {
  kResource = 1,
  kLink = 2,       ///< the resource is stored under another owner
  kTombstone = 3,  ///< deleted, or moved to another owner
};

/// Whether a line holds the text "Binary", as attachments of this server do: found at the write, so
/// that exports need not look.
enum class BinaryHint : std::uint8_t {
  kUnknown = 0,  ///< links, tombstones, and what was written before there was a hint
  kNone = 1,
  kSome = 2,
};

/// How a resource's line is stored.
enum class Packing : std::uint8_t {
  kNone = 0,  ///< as it is
  kGzip = 1,  ///< its size in 8 bytes, then a gzip member (see packed_json.h)
};

/// No line is longer; far above what a request may bring.
inline constexpr std::size_t kLineMax = std::size_t{2} << 30;

/// The first bytes of a record's value, in this layout.
struct RecordHeader {
  std::uint64_t sequence = 0;
  std::int64_t instant = 0;
  std::uint32_t version = 0;
  RecordKind kind = RecordKind::kResource;
  /// For a link: 1 when its list of owners holds only the storing one (see kLinkOwnersMax).
  std::uint8_t owners_elided = 0;
  BinaryHint binary_hint = BinaryHint::kUnknown;
  Packing packing = Packing::kNone;
  std::uint32_t owners_size = 0;      ///< bytes
  std::uint32_t supporting_size = 0;  ///< bytes
};
static_assert(sizeof(RecordHeader) == 32);

/// A link repeats its resource's owners up to this many; a resource with more would make links
/// whose sizes together grow with the square of their number.
inline constexpr std::size_t kLinkOwnersMax = 32;

inline std::uint64_t read_size(std::string_view packed) {
  std::uint64_t size = 0;
  std::memcpy(&size, packed.data(), sizeof size);
  return size;
}

/// A parsed record value; views into the value.
struct ParsedRecord {
  RecordHeader header;
  std::string_view owners;
  std::string_view supporting;
  std::string_view stored;  ///< the line as it is stored (see unpacked_line)
};
/// False for bytes that are no record.
inline bool parse_record(std::string_view value, ParsedRecord& out) {
  if (value.size() < sizeof(RecordHeader)) return false;
  std::memcpy(&out.header, value.data(), sizeof(RecordHeader));
  const std::size_t owners = out.header.owners_size;
  const std::size_t supporting = out.header.supporting_size;
  const std::size_t rest = value.size() - sizeof(RecordHeader);
  if (owners + supporting > rest) return false;
  const char* const p = value.data() + sizeof(RecordHeader);
  out.owners = {p, owners};
  out.supporting = {p + owners, supporting};
  out.stored = {p + owners + supporting, rest - owners - supporting};
  if (out.header.packing == Packing::kNone) [[likely]]
    return true;
  return out.header.packing == Packing::kGzip && out.stored.size() > sizeof(std::uint64_t) &&
         read_size(out.stored) <= kLineMax;
}

void append_header(std::string& out, const RecordHeader& header);

/// Length-prefixed ids.
void append_owners(std::string& out, const std::vector<std::string>& owners);
/// type | length | id for each.
void append_supporting(std::string& out, const std::vector<fhir::ResourceId>& references);
/// The first id of an encoded list; empty for none.
std::string_view first_owner(std::string_view owners);

// ---- history ----

/// A value in `history`: the sequence that superseded it, then what it was.
inline constexpr std::size_t kSupersededSize = 8;
void append_superseded(std::string& out, Sequence superseded);
/// nullopt for bytes that are no history value.
std::optional<Sequence> read_superseded(std::string_view value);

// ---- locator ----

struct Locator {
  Sequence sequence;  ///< of the newest version or deletion
  std::uint32_t version = 0;
  bool deleted = false;
  fhir::ContentDigest digest{};
  std::string_view owners;  ///< of the newest version, encoded; a deletion keeps them
};
void append_locator(std::string& out, const Locator& locator);
bool parse_locator(std::string_view value, Locator& out);

// ---- members ----

/// A member's key in `members`: group id | 0 | type | id or URL | 0 | sequence since which the
/// group states it so. `member` is type and id, as in fhir::EncodedMember::key.
void append_member_key(std::string& out, std::string_view group_id, std::string_view member,
                       Sequence stated);
/// The beginning of the keys of a group's members of one type.
std::string member_prefix(std::string_view group_id, fhir::ResourceType type);
/// The beginning of all keys of a group's members; the exclusive end with `after`.
std::string members_of_group(std::string_view group_id, bool after);

inline constexpr Sequence kNeverSuperseded{~std::uint64_t{0}};

struct MemberRow {
  std::string_view member;  ///< type and id
  Sequence stated_sequence;
  Sequence superseded;  ///< kNeverSuperseded: it still is so
  Instant stated;
  Instant since;  ///< fhir::kSinceEver: no member at `stated`
  std::string_view periods;
};
/// False for bytes that are no row of the group's.
bool parse_member_row(std::string_view group_id, std::string_view key, std::string_view value,
                      MemberRow& out);
void append_member_value(std::string& out, const MemberRow& row);

// ---- changes and transactions ----

void append_change(std::string& out, const Change& change);
/// Takes one change from the front of `rest`; its sequence is left alone. False for broken bytes.
bool take_change(std::string_view& rest, Change& out);

struct TransactionEntry {
  Instant instant;
  std::uint64_t changes = 0;  ///< of this and all earlier transactions
};
std::string encode(const TransactionEntry& entry);
bool parse_transaction(std::string_view value, TransactionEntry& out);

struct TypeCounter {
  std::uint64_t resources = 0;
  std::uint64_t bytes = 0;
};
std::string encode(const TypeCounter& counter);
bool parse_counter(std::string_view value, TypeCounter& out);

std::string encode_number(std::uint64_t number);
std::optional<std::uint64_t> parse_number(std::string_view value);

}  // namespace sluice::store

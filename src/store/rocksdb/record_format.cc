#include "store/rocksdb/record_format.h"

#include "base/bytes.h"

namespace sluice::store {
namespace {

// No resource type has this number, so the former places stand after all versions.
constexpr std::uint16_t kPlacePrefix = 0xffff;

// In `transactions`: one entry by sequence, one by instant.
constexpr char kBySequence = 's';
constexpr char kByInstant = 'i';

// In `changes`: with the owners that it had, which follow. ChangeKind::kRemove of a resource with
// several, ChangeKind::kPut of one that had others.
constexpr char kRemoveOfSeveral = 3;
constexpr char kPutElsewhere = 4;

template <class T>
void append_number(std::string& out, T number) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &number, sizeof bytes);
  out.append(bytes, sizeof bytes);
}

template <class T>
T number_at(std::string_view bytes, std::size_t offset) {
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

void append_short(std::string& out, std::string_view text) {
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

bool take_short(std::string_view& rest, std::string_view& out) {
  if (rest.empty()) return false;
  const std::size_t size = static_cast<unsigned char>(rest[0]);
  if (rest.size() < 1 + size) return false;
  out = rest.substr(1, size);
  rest.remove_prefix(1 + size);
  return true;
}

}  // namespace

void append_record_key(std::string& out, fhir::ResourceType type, std::string_view owner,
                       std::string_view id) {
  append_be16(out, type.code);
  out.append(owner);
  out.push_back('\0');
  out.append(id);
}

std::string range_key(fhir::ResourceType type, std::string_view position) {
  std::string key;
  append_be16(key, type.code);
  key.append(position);
  return key;
}

std::string range_end_key(const KeyRange& range) {
  if (!range.to.empty()) return range_key(range.type, range.to);
  return range_key({static_cast<std::uint16_t>(range.type.code + 1)}, "");
}

void append_history_key(std::string& out, std::string_view record_key, Sequence sequence) {
  out.append(record_key);
  out.push_back('\0');
  append_be64(out, ~sequence.value);
}

void append_locator_key(std::string& out, fhir::ResourceType type, std::string_view id) {
  append_be16(out, type.code);
  out.append(id);
}

void append_place_key(std::string& out, std::string_view locator_key, Sequence until) {
  append_be16(out, kPlacePrefix);
  out.append(locator_key);
  out.push_back('\0');
  append_be64(out, until.value);
}

void append_member_key(std::string& out, std::string_view group_id, std::string_view member,
                       Sequence stated) {
  out.append(group_id);
  out.push_back('\0');
  out.append(member);
  out.push_back('\0');
  append_be64(out, stated.value);
}

std::string member_prefix(std::string_view group_id, fhir::ResourceType type) {
  std::string prefix = members_of_group(group_id, false);
  append_be16(prefix, type.code);
  return prefix;
}

std::string members_of_group(std::string_view group_id, bool after) {
  std::string prefix(group_id);
  prefix.push_back(after ? '\1' : '\0');
  return prefix;
}

bool parse_member_row(std::string_view group_id, std::string_view key, std::string_view value,
                      MemberRow& out) {
  constexpr std::size_t kKeyEnd = 1 + sizeof(std::uint64_t);
  constexpr std::size_t kPeriodsOffset = 3 * sizeof(std::uint64_t);
  constexpr std::size_t kTypeSize = 2;
  if (key.size() < group_id.size() + 1 + kTypeSize + kKeyEnd || value.size() < kPeriodsOffset)
    return false;
  out.member = key.substr(group_id.size() + 1, key.size() - group_id.size() - 1 - kKeyEnd);
  out.stated_sequence.value = read_be64(key.data() + key.size() - sizeof(std::uint64_t));
  out.superseded.value = number_at<std::uint64_t>(value, 0);
  out.stated.milliseconds = number_at<std::int64_t>(value, 8);
  out.since.milliseconds = number_at<std::int64_t>(value, 16);
  out.periods = value.substr(kPeriodsOffset);
  return true;
}

void append_member_value(std::string& out, const MemberRow& row) {
  append_number(out, row.superseded.value);
  append_number(out, row.stated.milliseconds);
  append_number(out, row.since.milliseconds);
  out.append(row.periods);
}

void append_target_key(std::string& out, fhir::ResourceType type, std::string_view id,
                       std::string_view provenance) {
  append_locator_key(out, type, id);
  out.push_back('\0');
  out.append(provenance);
}

void append_attachment_key(std::string& out, std::string_view binary_id, fhir::ResourceType type,
                           std::string_view id) {
  out.append(binary_id);
  out.push_back('\0');
  append_locator_key(out, type, id);
}

std::string attachments_of_binary(std::string_view binary_id) {
  return std::string(binary_id) + '\0';
}

void append_change_key(std::string& out, Sequence sequence, std::uint32_t n) {
  append_be64(out, sequence.value);
  append_be32(out, n);
}

std::string transaction_key(Sequence sequence) {
  std::string key{kBySequence};
  append_be64(key, sequence.value);
  return key;
}

std::string instant_key(Instant instant) {
  std::string key{kByInstant};
  // The sign bit turned round makes times before 1970 sort first.
  append_be64(key, static_cast<std::uint64_t>(instant.milliseconds) ^ (std::uint64_t{1} << 63));
  return key;
}

std::string counter_key(fhir::ResourceType type) {
  std::string key = "count/";
  append_be16(key, type.code);
  return key;
}

void append_header(std::string& out, const RecordHeader& header) {
  append_number(out, header);
}

void append_owners(std::string& out, const std::vector<std::string>& owners) {
  for (const auto& owner : owners) append_short(out, owner);
}

void append_supporting(std::string& out, const std::vector<fhir::ResourceId>& references) {
  for (const auto& reference : references) {
    append_be16(out, reference.type.code);
    append_short(out, reference.id);
  }
}

std::string_view first_owner(std::string_view owners) {
  return OwnerList(owners).next().value_or(std::string_view());
}

void append_superseded(std::string& out, Sequence superseded) {
  append_number(out, superseded.value);
}

std::optional<Sequence> read_superseded(std::string_view value) {
  if (value.size() < kSupersededSize) return std::nullopt;
  return Sequence{number_at<std::uint64_t>(value, 0)};
}

void append_locator(std::string& out, const Locator& locator) {
  append_number(out, locator.sequence.value);
  append_number(out, locator.version);
  out.push_back(locator.deleted ? '\1' : '\0');
  out.append(reinterpret_cast<const char*>(locator.digest.data()), locator.digest.size());
  out.append(locator.owners);
}

bool parse_locator(std::string_view value, Locator& out) {
  constexpr std::size_t kVersion = 8, kDeleted = 12, kDigest = 13;
  const std::size_t owners = kDigest + out.digest.size();
  if (value.size() < owners) return false;
  out.sequence.value = number_at<std::uint64_t>(value, 0);
  out.version = number_at<std::uint32_t>(value, kVersion);
  out.deleted = value[kDeleted] != '\0';
  std::memcpy(out.digest.data(), value.data() + kDigest, out.digest.size());
  out.owners = value.substr(owners);
  return true;
}

void append_change(std::string& out, const Change& change) {
  // Nearly every resource has one owner at most, and then that is all of them.
  const bool is_removal = change.kind == ChangeKind::kRemove;
  const bool has_more =
      is_removal ? change.owners.size() > change.owner.size() + 1 : !change.owners.empty();
  const char with_owners = is_removal ? kRemoveOfSeveral : kPutElsewhere;
  out.push_back(has_more ? with_owners : static_cast<char>(change.kind));
  append_be16(out, change.type.code);
  append_short(out, change.owner);
  append_short(out, change.id);
  if (!has_more) return;
  append_number(out, static_cast<std::uint32_t>(change.owners.size()));
  out.append(change.owners);
}

bool take_change(std::string_view& rest, Change& out) {
  if (rest.size() < 3) return false;
  const char kind = rest[0];
  const bool has_more = kind == kRemoveOfSeveral || kind == kPutElsewhere;
  out.kind = kind == kRemoveOfSeveral ? ChangeKind::kRemove
             : kind == kPutElsewhere  ? ChangeKind::kPut
                                      : static_cast<ChangeKind>(kind);
  out.type.code = read_be16(rest.data() + 1);
  rest.remove_prefix(3);
  const char* const storing = rest.data();
  if (!take_short(rest, out.owner)) return false;
  out.owners = {};
  if (out.kind == ChangeKind::kRemove && !out.owner.empty())
    out.owners = {storing, out.owner.size() + 1};
  if (!take_short(rest, out.id)) return false;
  if (!has_more) return true;
  if (rest.size() < 4) return false;
  const auto size = number_at<std::uint32_t>(rest, 0);
  rest.remove_prefix(4);
  if (size > rest.size()) return false;
  out.owners = rest.substr(0, size);
  rest.remove_prefix(size);
  return true;
}

std::string encode(const TransactionEntry& entry) {
  std::string value;
  append_number(value, entry.instant.milliseconds);
  append_number(value, entry.changes);
  return value;
}

bool parse_transaction(std::string_view value, TransactionEntry& out) {
  if (value.size() != 16) return false;
  out.instant.milliseconds = number_at<std::int64_t>(value, 0);
  out.changes = number_at<std::uint64_t>(value, 8);
  return true;
}

std::string encode(const TypeCounter& counter) {
  std::string value;
  append_number(value, counter.resources);
  append_number(value, counter.bytes);
  return value;
}

bool parse_counter(std::string_view value, TypeCounter& out) {
  if (value.size() != 16) return false;
  out.resources = number_at<std::uint64_t>(value, 0);
  out.bytes = number_at<std::uint64_t>(value, 8);
  return true;
}

std::string encode_number(std::uint64_t number) {
  std::string value;
  append_number(value, number);
  return value;
}

std::optional<std::uint64_t> parse_number(std::string_view value) {
  if (value.size() != 8) return std::nullopt;
  return number_at<std::uint64_t>(value, 0);
}

}  // namespace sluice::store

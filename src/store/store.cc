#include "store/store.h"

#include "base/bytes.h"

namespace sluice::store {
namespace {

// In a range's bytes, "owner\0id", the zero byte ends the owner, so that records without an owner
// come first and one patient's records stand together.
constexpr char kOwnerEnd = '\0';
constexpr char kAfterOwnerEnd = '\1';

}  // namespace

std::optional<std::string_view> OwnerList::next() {
  if (rest_.empty()) return std::nullopt;
  const std::size_t size = static_cast<unsigned char>(rest_[0]);
  if (rest_.size() < 1 + size) return std::nullopt;
  const std::string_view owner = rest_.substr(1, size);
  rest_.remove_prefix(1 + size);
  return owner;
}

std::optional<SupportingReferences::Item> SupportingReferences::next() {
  constexpr std::size_t kIdOffset = 3;
  if (rest_.size() < kIdOffset) return std::nullopt;
  const std::size_t size = static_cast<unsigned char>(rest_[2]);
  if (rest_.size() < kIdOffset + size) return std::nullopt;
  Item item{
      {read_be16(rest_.data())}, rest_.substr(kIdOffset, size), rest_.substr(0, kIdOffset + size)};
  rest_.remove_prefix(kIdOffset + size);
  return item;
}

KeyRange whole_type(fhir::ResourceType type) {
  return {type, "", ""};
}

KeyRange without_owner(fhir::ResourceType type) {
  return {type, "", {kAfterOwnerEnd}};
}

KeyRange with_owner(fhir::ResourceType type) {
  return {type, {kAfterOwnerEnd}, ""};
}

KeyRange of_owner(fhir::ResourceType type, std::string_view owner) {
  if (owner.empty()) return without_owner(type);
  KeyRange range{type, std::string(owner), std::string(owner)};
  range.from.push_back(kOwnerEnd);
  range.to.push_back(kAfterOwnerEnd);
  return range;
}

KeyRange behind(fhir::ResourceType type, std::string_view owner, std::string_view id) {
  KeyRange range{type, std::string(owner), ""};
  range.from.push_back(kOwnerEnd);
  range.from.append(id);
  // No id has a character below it, so the next key is that of a longer id at the least.
  range.from.push_back('\0');
  return range;
}

}  // namespace sluice::store

#include "client/pull/unmatched_items.h"

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "client/files/ndjson_lines.h"
#include "client/pull/record_fields.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

template <typename Pairs>
std::size_t count_of(const Pairs& sorted, std::uint64_t key) {
  const auto begin =
      std::lower_bound(sorted.begin(), sorted.end(), std::pair(key, std::uint64_t{}));
  std::size_t count = 0;
  for (auto each = begin; each != sorted.end() && each->first == key && count < 2; ++each) ++count;
  return count;
}

std::uint64_t hash_of(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

}  // namespace

std::uint64_t place_key(const ManifestItem& item) {
  std::string place(to_string(item.kind));
  place += '\n' + item.type + '\n' + item.url.substr(0, item.url.find_first_of("?#"));
  return hash_of(place);
}

UnmatchedItems::~UnmatchedItems() {
  std::error_code none;
  if (writer_) std::filesystem::remove(path_, none);
}

Result<void> UnmatchedItems::add(const ManifestItem& item) {
  if (!writer_) {
    SLUICE_ASSIGN_OR_RETURN(writer_, NdjsonWriter::create(path_, false));
  }
  json::object record{
      {"kind", static_cast<std::uint64_t>(item.kind)}, {"type", item.type}, {"url", item.url}};
  if (item.count) record["count"] = *item.count;
  if (item.size) record["size"] = *item.size;
  keys_.emplace_back(place_key(item), hash_of(item.url));
  return writer_->append(json_text(record));
}

Result<void> UnmatchedItems::match(std::vector<Candidate> candidates, const Take& take) {
  if (keys_.empty()) return {};
  SLUICE_RETURN_IF_ERROR(writer_->finish());
  auto distinct = std::move(keys_);
  keys_.clear();
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::sort(candidates.begin(), candidates.end());
  return each_line(path_, [&](std::string_view line) -> Result<void> {
    boost::system::error_code failed;
    const auto value = json::parse({line.data(), line.size()}, failed);
    if (failed || !value.is_object()) return corrupt("is no item of a manifest");
    const auto& record = value.get_object();
    ManifestItem item;
    item.kind = static_cast<FileKind>(number_field(record, "kind").value_or(0));
    item.type = text_field(record, "type");
    item.url = text_field(record, "url");
    item.count = number_field(record, "count");
    item.size = number_field(record, "size");
    const std::uint64_t key = place_key(item);
    const std::size_t files = count_of(candidates, key);
    if (files == 0) return take(std::move(item), Match::kNew, 0);
    if (files > 1 || count_of(distinct, key) > 1) return take(std::move(item), Match::kUnclear, 0);
    const auto found = std::lower_bound(candidates.begin(), candidates.end(), Candidate(key, 0));
    return take(std::move(item), Match::kSame, found->second);
  });
}

}  // namespace sluice::client

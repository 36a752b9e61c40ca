#include "store/rocksdb/key_split.h"

#include <rocksdb/table_properties.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

// What a file says of a range is a multiple of a block. Ranges below the first size are counted
// record by record; below the second nothing is cut any more.
constexpr std::uint64_t kCountedSize = 256u << 10;
constexpr std::uint64_t kResolution = 64u << 10;

/// Tells how many bytes of `current` stand before a key, from the start of the range on.
class Sizes {
 public:
  Sizes(const Database& database, std::string begin)
      : database_(database), begin_(std::move(begin)) {}

  /// Files are packed, memory is not: how much smaller the files of the type are than what they
  /// hold, and then what the whole type is said to hold against what it does hold.
  Result<void> calibrate(fhir::ResourceType type, std::uint64_t type_bytes) {
    const std::string begin = range_key(type, ""), end = range_end_key(whole_type(type));
    const rocksdb::Range range(begin, end);
    rocksdb::TablePropertiesCollection tables;
    const auto status =
        database_.db().GetPropertiesOfTablesInRange(database_.current, &range, 1, &tables);
    if (!status.ok()) return read_error(status);
    std::uint64_t raw = 0, packed = 0;
    for (const auto& [name, table] : tables) {
      raw += table->raw_value_size;
      packed += table->data_size;
    }
    if (packed != 0) unpacked_ = static_cast<double>(raw) / static_cast<double>(packed);
    SLUICE_ASSIGN_OR_RETURN(const std::uint64_t estimated, between(begin, end));
    if (estimated != 0) scale_ = static_cast<double>(type_bytes) / static_cast<double>(estimated);
    return {};
  }

  Result<std::uint64_t> before(const std::string& key) const { return between(begin_, key); }

 private:
  Result<std::uint64_t> between(const std::string& begin, const std::string& end) const {
    if (begin >= end) return 0;
    const rocksdb::Range range(begin, end);
    std::uint64_t in_files = 0, in_memory = 0, ignored = 0;
    const auto status = database_.db().GetApproximateSizes(rocksdb::SizeApproximationOptions(),
                                                           database_.current, &range, 1, &in_files);
    if (!status.ok()) return read_error(status);
    database_.db().GetApproximateMemTableStats(database_.current, range, &ignored, &in_memory);
    const double size = static_cast<double>(in_memory) + static_cast<double>(in_files) * unpacked_;
    return static_cast<std::uint64_t>(size * scale_);
  }

  const Database& database_;
  const std::string begin_;
  double unpacked_ = 1;
  double scale_ = 1;
};

/// Finds keys that have a multiple of the part size before them, by halving. Only halves in which
/// one is still to be found are looked into.
class Cutter {
 public:
  Cutter(const Database& database, const Sizes& sizes, std::uint64_t part_size)
      : database_(database),
        sizes_(sizes),
        part_size_(std::max(part_size, kResolution)),
        slack_(part_size_ / 8) {}

  /// A key and the bytes before it.
  struct Position {
    std::string key;
    std::uint64_t before = 0;
  };

  /// Looks between two positions; calls in the order of keys.
  Result<void> cut(const Position& begin, const Position& end) {
    if (needs_cut(begin.before, end.before)) {
      SLUICE_ASSIGN_OR_RETURN(auto key, find_middle(begin.key, end.key));
      if (key) {
        SLUICE_ASSIGN_OR_RETURN(const std::uint64_t before, sizes_.before(*key));
        const Position middle{std::move(*key),
                              std::clamp(before, begin.before, std::max(begin.before, end.before))};
        SLUICE_RETURN_IF_ERROR(cut(begin, middle));
        return cut(middle, end);
      }
    }
    const std::uint64_t parts_before = (end.before + slack_) / part_size_;
    if (parts_before > parts_) keys_.push_back(end.key);
    parts_ = std::max(parts_, parts_before);
    return {};
  }

  /// Where to cut; the last may be the end of the range.
  const std::vector<std::string>& keys() const { return keys_; }

 private:
  // Whether a multiple of the part size lies between, and not close enough to one of the two.
  bool needs_cut(std::uint64_t begin, std::uint64_t end) const {
    if (end <= begin || end - begin <= kResolution) return false;
    const std::uint64_t next = ((begin + slack_) / part_size_ + 1) * part_size_;
    return next + slack_ < end;
  }

  // The bytes after what two keys have in common, as a number.
  static std::uint64_t window(const std::string& key, std::size_t offset) {
    std::string bytes = offset < key.size() ? key.substr(offset, 8) : std::string();
    bytes.resize(8, '\0');
    return read_be64(bytes.data());
  }
  static std::size_t common_prefix(const std::string& a, const std::string& b) {
    const auto end = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
    return static_cast<std::size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
  }

  /// A key with begin < key < end, in the middle of the numbers if not of the records; nullopt when
  /// there is at most one record.
  Result<std::optional<std::string>> find_middle(const std::string& begin,
                                                 const std::string& end) const {
    using Found = std::optional<std::string>;
    if (auto middle = halve(begin, end)) return Found(std::move(middle));
    // The numbers are used up: go on with the real keys, which have more in common.
    SLUICE_ASSIGN_OR_RETURN(const auto keys, first_and_last(begin, end));
    if (!keys || keys->first == keys->second) return Found();
    const auto& [first, last] = *keys;
    if (auto middle = halve(first, last); middle && *middle > begin)
      return Found(std::move(middle));
    // Neighbours, like ...1 and ...2: cut where the second begins.
    std::string middle = last.substr(0, common_prefix(first, last) + 1);
    return Found(std::move(middle));
  }

  static std::optional<std::string> halve(const std::string& begin, const std::string& end) {
    const std::size_t common = common_prefix(begin, end);
    const std::uint64_t low = window(begin, common), high = window(end, common);
    if (high <= low || high - low < 2) return std::nullopt;
    std::string middle = begin.substr(0, common);
    append_be64(middle, low + (high - low) / 2);
    while (middle.back() == '\0' && middle.size() > common + 1) middle.pop_back();
    if (middle <= begin) return std::nullopt;
    return middle;
  }

  Result<std::optional<std::pair<std::string, std::string>>> first_and_last(
      const std::string& begin, const std::string& end) const {
    using Found = std::optional<std::pair<std::string, std::string>>;
    rocksdb::ReadOptions options;
    const rocksdb::Slice lower = begin, upper = end;
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(options, database_.current));
    Found found;
    it->SeekToFirst();
    if (it->Valid()) {
      std::string first = it->key().ToString();
      it->SeekToLast();
      if (it->Valid()) found.emplace(std::move(first), it->key().ToString());
    }
    if (!it->status().ok()) return read_error(it->status());
    return found;
  }

  const Database& database_;
  const Sizes& sizes_;
  const std::uint64_t part_size_;
  const std::uint64_t slack_;
  std::uint64_t parts_ = 0;  // how many multiples of the part size are behind us
  std::vector<std::string> keys_;
};

// The exact bytes of a range that is known to be small; nullopt when it is not.
Result<std::optional<std::uint64_t>> count(const Database& database, const std::string& begin,
                                           const std::string& end) {
  rocksdb::ReadOptions options;
  const rocksdb::Slice upper = end;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator(options, database.current));
  std::uint64_t bytes = 0;
  for (it->Seek(begin); it->Valid(); it->Next()) {
    ParsedRecord record;
    if (!parse_record(to_view(it->value()), record)) return corrupt_value("record");
    if (record.header.kind == RecordKind::kResource) bytes += line_size(record) + 1;
    if (bytes > 2 * kCountedSize) return std::optional<std::uint64_t>();
  }
  if (!it->status().ok()) return read_error(it->status());
  return std::optional<std::uint64_t>(bytes);
}

}  // namespace

Result<std::uint64_t> approximate_size(const Database& database, const KeyRange& range,
                                       std::uint64_t type_bytes) {
  const std::string begin = range_key(range.type, range.from);
  const std::string end = range_end_key(range);
  if (begin >= end) return 0;
  Sizes sizes(database, begin);
  SLUICE_RETURN_IF_ERROR(sizes.calibrate(range.type, type_bytes));
  SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size, sizes.before(end));
  if (size > kCountedSize) return size;
  SLUICE_ASSIGN_OR_RETURN(const auto counted, count(database, begin, end));
  return counted.value_or(size);
}

Result<std::vector<KeyRange>> split_range(const Database& database, const KeyRange& range,
                                          std::uint64_t part_size, std::uint64_t type_bytes) {
  const std::string begin = range_key(range.type, range.from);
  const std::string end = range_end_key(range);
  std::vector<KeyRange> parts{range};
  if (begin >= end) return parts;
  Sizes sizes(database, begin);
  SLUICE_RETURN_IF_ERROR(sizes.calibrate(range.type, type_bytes));
  SLUICE_ASSIGN_OR_RETURN(const std::uint64_t size, sizes.before(end));
  Cutter cutter(database, sizes, part_size);
  SLUICE_RETURN_IF_ERROR(cutter.cut({begin, 0}, {end, size}));
  for (const auto& key : cutter.keys()) {
    if (key == end) continue;
    // Positions are what follows the type.
    parts.back().to = key.substr(2);
    parts.push_back({range.type, key.substr(2), range.to});
  }
  return parts;
}

}  // namespace sluice::store

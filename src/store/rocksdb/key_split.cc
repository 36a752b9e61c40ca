#include "store/rocksdb/key_split.h"

#include <rocksdb/table_properties.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

// What a file says of a small range is a multiple of a block; below this size records are counted.
constexpr std::uint64_t kCountedSize = 256u << 10;

// A part is put together from pieces of a quarter of it, so that it is at most an eighth off.
constexpr std::uint64_t kPiecesInPart = 4;

/// Knows how large ranges of `current` are, in bytes before compression.
class Sizes {
 public:
  explicit Sizes(const Database& database) : database_(database) {}

  /// How much smaller the files are than what they hold, for files that touch the range.
  Result<void> read_ratio(const std::string& begin, const std::string& end) {
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
    if (packed != 0) ratio_ = static_cast<double>(raw) / static_cast<double>(packed);
    return {};
  }

  Result<std::uint64_t> of(const std::string& begin, const std::string& end) const {
    const rocksdb::Range range(begin, end);
    std::uint64_t in_files = 0, in_memory = 0, ignored = 0;
    rocksdb::SizeApproximationOptions files;
    const auto status =
        database_.db().GetApproximateSizes(files, database_.current, &range, 1, &in_files);
    if (!status.ok()) return read_error(status);
    database_.db().GetApproximateMemTableStats(database_.current, range, &ignored, &in_memory);
    return in_memory + static_cast<std::uint64_t>(static_cast<double>(in_files) * ratio_);
  }

 private:
  const Database& database_;
  double ratio_ = 1;
};

/// Cuts a range of keys in halves until the pieces are small.
class Cutter {
 public:
  struct Piece {
    std::string end;
    std::uint64_t size = 0;
  };

  Cutter(const Database& database, const Sizes& sizes, std::uint64_t piece_size)
      : database_(database), sizes_(sizes), piece_size_(piece_size) {}

  /// Appends the pieces of [begin, end), whose size is given, to pieces().
  Result<void> cut(const std::string& begin, const std::string& end, std::uint64_t size) {
    if (size > piece_size_) {
      SLUICE_TRY(const auto middle, find_middle(begin, end));
      if (middle) {
        SLUICE_TRY(const std::uint64_t left, sizes_.of(begin, *middle));
        SLUICE_TRY(const std::uint64_t right, sizes_.of(*middle, end));
        // Below the size of a block the files' answers no longer get smaller: stop when neither
        // half is smaller than the whole.
        if (std::min(left, right) > 0 || std::max(left, right) < size || is_wide(begin, end)) {
          SLUICE_CHECK(cut(begin, *middle, left));
          return cut(*middle, end, right);
        }
      }
    }
    pieces_.push_back({end, size});
    return {};
  }

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  // The bytes after what two keys have in common, as a number.
  static std::uint64_t window(const std::string& key, std::size_t offset) {
    char bytes[8] = {};
    if (offset < key.size())
      std::memcpy(bytes, key.data() + offset, std::min(sizeof bytes, key.size() - offset));
    return read_be64(bytes);
  }
  static std::size_t common_prefix(const std::string& a, const std::string& b) {
    const auto end = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
    return static_cast<std::size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
  }
  static bool is_wide(const std::string& begin, const std::string& end) {
    const std::size_t common = common_prefix(begin, end);
    return window(end, common) - window(begin, common) > 1;
  }

  /// A key with begin < key < end, in the middle of the numbers if not of the records; nullopt when
  /// there is at most one record.
  Result<std::optional<std::string>> find_middle(const std::string& begin,
                                                 const std::string& end) const {
    using Found = std::optional<std::string>;
    if (auto middle = halve(begin, end)) return Found(std::move(middle));
    // The numbers are used up: go on with the real keys, which have more in common.
    SLUICE_TRY(const auto keys, first_and_last(begin, end));
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
  const std::uint64_t piece_size_;
  std::vector<Piece> pieces_;
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
    if (record.header.kind == RecordKind::kResource) bytes += record.json.size() + 1;
    if (bytes > 2 * kCountedSize) return std::optional<std::uint64_t>();
  }
  if (!it->status().ok()) return read_error(it->status());
  return std::optional<std::uint64_t>(bytes);
}

}  // namespace

Result<std::uint64_t> approximate_size(const Database& database, const KeyRange& range) {
  const std::string begin = range_key(range.type, range.from);
  const std::string end = range_end_key(range);
  if (begin >= end) return 0;
  Sizes sizes(database);
  SLUICE_CHECK(sizes.read_ratio(begin, end));
  SLUICE_TRY(const std::uint64_t size, sizes.of(begin, end));
  if (size > kCountedSize) return size;
  SLUICE_TRY(const auto counted, count(database, begin, end));
  return counted.value_or(size);
}

Result<std::vector<KeyRange>> split_range(const Database& database, const KeyRange& range,
                                          std::uint64_t part_size) {
  const std::string begin = range_key(range.type, range.from);
  const std::string end = range_end_key(range);
  std::vector<KeyRange> parts{range};
  if (begin >= end) return parts;
  Sizes sizes(database);
  SLUICE_CHECK(sizes.read_ratio(begin, end));
  SLUICE_TRY(const std::uint64_t size, sizes.of(begin, end));
  part_size = std::max<std::uint64_t>(part_size, 1);
  Cutter cutter(database, sizes, std::max<std::uint64_t>(part_size / kPiecesInPart, 1));
  SLUICE_CHECK(cutter.cut(begin, end, size));

  // Pieces are put together while the part gets closer to its size.
  std::uint64_t gathered = 0;
  std::string_view boundary;  // between what is gathered and the next piece
  for (const auto& piece : cutter.pieces()) {
    if (gathered > 0 && gathered + piece.size / 2 > part_size) {
      // Positions are what follows the type.
      parts.back().to = boundary.substr(2);
      parts.push_back({range.type, std::string(boundary.substr(2)), range.to});
      gathered = 0;
    }
    gathered += piece.size;
    boundary = piece.end;
  }
  return parts;
}

}  // namespace sluice::store

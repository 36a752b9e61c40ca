#include "store/rocksdb/log_check.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

// A log is made of blocks, which records do not cross: they are cut into fragments. A fragment is
// its masked CRC-32C (4), its length (2), its kind (1), in a file that is used again the low half
// of the log's number (4), then its bytes; what is left of a block and too short for that is zero.
constexpr std::size_t kBlockSize = 32768;
constexpr std::size_t kHeaderSize = 7;
constexpr std::size_t kRecyclableHeaderSize = 11;
enum Kind : std::uint8_t { kZero, kFull, kFirst, kMiddle, kLast, kRecyclable };

std::uint32_t le32(const char* p) {
  std::uint32_t number = 0;
  std::memcpy(&number, p, sizeof number);
  return number;
}

std::uint32_t masked_crc(std::string_view bytes) {
  auto* const data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  const std::uint32_t crc = ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~std::uint32_t{0});
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

struct Fragment {
  enum class State { kWhole, kBad, kStale } state = State::kBad;
  Kind kind = kZero;  // of those up to kLast
  std::string_view bytes;
  std::size_t size = 0;  // with its header
};

Fragment read_fragment(std::string_view rest, std::uint64_t log_number) {
  Fragment fragment;
  if (rest.size() < kHeaderSize) return fragment;
  const auto length =
      static_cast<std::size_t>(static_cast<unsigned char>(rest[4]) |
                               static_cast<unsigned>(static_cast<unsigned char>(rest[5])) << 8);
  auto kind = static_cast<std::uint8_t>(rest[6]);
  const bool is_recyclable = kind >= kRecyclable && kind < kRecyclable + kLast;
  if (is_recyclable) kind = static_cast<std::uint8_t>(kind - kRecyclable + kFull);
  const std::size_t header = is_recyclable ? kRecyclableHeaderSize : kHeaderSize;
  if (kind == kZero || kind > kLast || header + length > rest.size()) return fragment;
  if (le32(rest.data()) != masked_crc(rest.substr(6, header - 6 + length))) return fragment;
  fragment.state =
      is_recyclable && le32(rest.data() + kHeaderSize) != static_cast<std::uint32_t>(log_number)
          ? Fragment::State::kStale
          : Fragment::State::kWhole;
  fragment.kind = static_cast<Kind>(kind);
  fragment.bytes = rest.substr(header, length);
  fragment.size = header + length;
  return fragment;
}

/// The numbers of our transactions in a batch, by their rows (record_format.h).
class TransactionRows final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    static const std::string example = transaction_key({0});
    TransactionEntry entry;
    if (key.size() == example.size() && key[0] == example[0] &&
        value.size() == encode(entry).size()) {
      const std::uint64_t number = read_be64(key.data() + 1);
      if (first == 0) first = number;
      last = number;
    }
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override { return {}; }
  rocksdb::Status SingleDeleteCF(std::uint32_t, const rocksdb::Slice&) override { return {}; }
  rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice&,
                                const rocksdb::Slice&) override {
    return {};
  }
  rocksdb::Status MergeCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return {};
  }
  rocksdb::Status MarkNoop(bool) override { return {}; }

  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// One log, block by block.
class LogScan {
 public:
  explicit LogScan(std::uint64_t number) : number_(number) {}

  /// Blocks in order, all of full size but the last.
  void take(std::string_view block) {
    std::size_t at = 0;
    while (!is_over_ && block.size() - at >= kHeaderSize) {
      if (damage_) {
        look_behind(block.substr(at));
        break;
      }
      const std::string_view rest = block.substr(at);
      const Fragment fragment = read_fragment(rest, number_);
      if (fragment.state == Fragment::State::kStale) {
        is_over_ = true;
      } else if (fragment.state == Fragment::State::kWhole && !zeros_from_) {
        add(fragment, offset_ + at);
        at += fragment.size;
      } else if (is_zero(rest)) {
        // Room that was made and never written, if nothing follows.
        if (!zeros_from_) zeros_from_ = offset_ + at;
        at = block.size();
      } else {
        damage_ = zeros_from_.value_or(offset_ + at);
        look_behind(rest);
        break;
      }
    }
    if (!is_over_ && !damage_ && block.size() < kBlockSize && !is_zero(block.substr(at)))
      damage_ = offset_ + at;
    offset_ += block.size();
  }

  /// Where the last whole record ends, when it does not end the log.
  std::optional<std::uint64_t> torn_at() const {
    if (in_record_) return record_begin_;
    return damage_;
  }
  bool has_whole_behind() const { return has_whole_behind_; }
  std::uint64_t size() const { return offset_; }
  std::uint64_t first_transaction() const { return first_; }
  std::uint64_t last_transaction() const { return last_; }

 private:
  void add(const Fragment& fragment, std::uint64_t at) {
    const bool begins = fragment.kind == kFull || fragment.kind == kFirst;
    // A beginning without its end, or an end without its beginning: never written so.
    if (begins == in_record_) {
      damage_ = in_record_ ? record_begin_ : at;
      has_whole_behind_ = true;
      return;
    }
    if (begins) {
      record_.clear();
      record_begin_ = at;
    }
    record_ += fragment.bytes;
    in_record_ = fragment.kind == kFirst || fragment.kind == kMiddle;
    if (!in_record_) take_record();
  }

  void take_record() {
    rocksdb::WriteBatch batch(std::move(record_));
    record_ = std::string();
    TransactionRows rows;
    // What is no batch although its checksum is right is RocksDB's to report.
    batch.Iterate(&rows).PermitUncheckedError();
    if (first_ == 0) first_ = rows.first;
    if (rows.last != 0) last_ = rows.last;
  }

  // Anything whole after the damage? Its place is not known any more: all are tried.
  void look_behind(std::string_view rest) {
    for (std::size_t at = 0; !has_whole_behind_ && at + kHeaderSize < rest.size(); ++at) {
      const Fragment fragment = read_fragment(rest.substr(at), number_);
      has_whole_behind_ = fragment.state == Fragment::State::kWhole && !fragment.bytes.empty();
    }
  }

  const std::uint64_t number_;
  std::uint64_t offset_ = 0;
  std::optional<std::uint64_t> damage_;
  std::optional<std::uint64_t> zeros_from_;
  bool has_whole_behind_ = false;
  bool is_over_ = false;
  bool in_record_ = false;
  std::uint64_t record_begin_ = 0;
  std::string record_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

struct LogFile {
  std::uint64_t number = 0;
  std::string name;
};

std::vector<LogFile> logs_among(const std::vector<std::string>& names) {
  std::vector<LogFile> logs;
  for (const auto& name : names) {
    LogFile log{0, name};
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), log.number);
    if (failed == std::errc() && std::string_view(end) == ".log") logs.push_back(log);
  }
  std::sort(logs.begin(), logs.end(),
            [](const LogFile& a, const LogFile& b) { return a.number < b.number; });
  return logs;
}

Result<LogScan> scan_log(const std::string& path, std::uint64_t number, rocksdb::Env& env) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  auto status = env.NewSequentialFile(path, &file, rocksdb::EnvOptions());
  if (!status.ok()) return read_error(status);
  LogScan scan(number);
  std::string block;
  while (true) {
    block.resize(kBlockSize);
    std::size_t filled = 0;
    while (filled < kBlockSize) {
      rocksdb::Slice got;
      status = file->Read(kBlockSize - filled, &got, block.data() + filled);
      if (!status.ok()) return read_error(status);
      if (got.empty()) break;
      if (got.data() != block.data() + filled)
        std::memcpy(block.data() + filled, got.data(), got.size());
      filled += got.size();
    }
    scan.take(std::string_view(block).substr(0, filled));
    if (filled < kBlockSize) return scan;
  }
}

// What an operator can do: there is no third way.
std::string advice(const std::filesystem::path& folder, const std::vector<LogFile>& logs,
                   std::size_t damaged, std::uint64_t offset) {
  std::string later;
  for (std::size_t i = damaged + 1; i < logs.size(); ++i)
    later += fmt::format(" {}", (folder / logs[i].name).string());
  return fmt::format(
      "Restore the data folder from a copy; or, to start without what was written since, run "
      "'truncate -s {} {}'{}",
      offset, (folder / logs[damaged].name).string(),
      later.empty() ? std::string() : fmt::format(" and move away{}", later));
}

}  // namespace

Result<LogCheck> check_logs(const std::filesystem::path& folder, rocksdb::Env& env) {
  std::vector<std::string> names;
  const auto listed = env.GetChildren(folder.string(), &names);
  if (!listed.ok()) return read_error(listed);
  const auto logs = logs_among(names);
  LogCheck check;
  std::size_t torn_before = logs.size();  // the torn log that has no transactions behind it yet
  std::uint64_t torn_offset = 0;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const auto path = folder / logs[i].name;
    SLUICE_ASSIGN_OR_RETURN(const LogScan scan, scan_log(path.string(), logs[i].number, env));
    const auto torn = scan.torn_at();
    if (scan.has_whole_behind())
      return Error{ErrorKind::kCorrupt,
                   fmt::format("the write-ahead log {} is damaged at byte {}, and whole records "
                               "stand behind the damage: transactions after {} would be lost. {}",
                               path.string(), *torn,
                               std::max(check.last_transaction, scan.last_transaction()),
                               advice(folder, logs, i, *torn))};
    // A failed write cuts a log off, and its transaction is written again to the next log.
    if (torn_before < logs.size() && check.last_transaction != 0 &&
        scan.first_transaction() > check.last_transaction + 1)
      return Error{ErrorKind::kCorrupt,
                   fmt::format("the write-ahead log {} is damaged at byte {}, and transactions {} "
                               "to {} are missing. {}",
                               (folder / logs[torn_before].name).string(), torn_offset,
                               check.last_transaction + 1, scan.first_transaction() - 1,
                               advice(folder, logs, torn_before, torn_offset))};
    if (scan.first_transaction() != 0) torn_before = logs.size();
    check.last_transaction = std::max(check.last_transaction, scan.last_transaction());
    if (!torn) continue;
    check.torn.push_back({logs[i].name, *torn, scan.size() - *torn});
    check.is_torn_before_last = check.is_torn_before_last || i + 1 < logs.size();
    torn_before = i;
    torn_offset = *torn;
  }
  return check;
}

}  // namespace sluice::store

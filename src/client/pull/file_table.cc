#include "client/pull/file_table.h"

#include <fcntl.h>

#include <algorithm>
#include <boost/json.hpp>
#include <span>

#include "client/pull/record_fields.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kTableMin = 64;
constexpr std::size_t kSealedMin = 4096;   // files: fewer stay in memory
constexpr std::uint64_t kDroppedKind = 3;  // in place of the kind of a dropped file
constexpr const char* kSealedName = "the table of files";

FileKind kind_of(std::string_view name) {
  if (name == to_string(FileKind::kDeleted)) return FileKind::kDeleted;
  return name == to_string(FileKind::kOutcome) ? FileKind::kOutcome : FileKind::kOutput;
}

std::uint32_t hash_of(std::string_view url) {
  const std::uint64_t hash = std::hash<std::string_view>()(url);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

Error not_there() {
  return corrupt("the journal names a file that is not there");
}

}  // namespace

json::object file_record(std::size_t index, const FileState& file) {
  json::object record{{"e", "file"},
                      {"i", index},
                      {"kind", std::string(to_string(file.item.kind))},
                      {"type", file.item.type},
                      {"url", file.item.url}};
  if (file.item.count) record["count"] = *file.item.count;
  if (file.item.size) record["size"] = *file.item.size;
  record["name"] = file.name;
  return record;
}

std::size_t FileTable::size() const {
  const std::lock_guard lock(mutex_);
  return row_count();
}

FileKind FileTable::kind(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return static_cast<FileKind>(rows_[index].kind);
}

bool FileTable::is_done(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return rows_[index].done_at != 0 || rows_[index].kind == kDroppedKind;
}

Result<FileState> FileTable::at(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  if (index >= row_count()) return not_there();
  SLUICE_ASSIGN_OR_RETURN(const Row row, row_at(index));
  return read_file(row, index);
}

Result<FileTable::Row> FileTable::row_at(std::size_t index) const {
  if (!sealed_) return rows_[index];
  Row row;
  SLUICE_ASSIGN_OR_RETURN(
      const std::size_t n,
      read_at(sealed_.get(), index * sizeof row,
              std::span<char>(reinterpret_cast<char*>(&row), sizeof row), kSealedName));
  if (n < sizeof row) return not_there();
  return row;
}

Result<FileState> FileTable::read_file(const Row& row, std::size_t index) const {
  SLUICE_ASSIGN_OR_RETURN(const auto record, read_(row.file_at));
  FileState file;
  file.item.kind = kind_of(text_field(record, "kind"));
  file.is_dropped = row.kind == kDroppedKind;
  file.item.type = text_field(record, "type");
  file.item.url = text_field(record, "url");
  file.item.count = number_field(record, "count");
  file.item.size = number_field(record, "size");
  file.name = text_field(record, "name");
  if (const auto fresh = urls_at_.find(index); fresh != urls_at_.end()) {
    SLUICE_ASSIGN_OR_RETURN(const auto other, read_(fresh->second));
    file.item.url = text_field(other, "url");
  }
  if (const auto begun = progress_.find(index); begun != progress_.end()) {
    file.validator = begun->second.validator;
    file.synced = begun->second.synced;
  }
  if (row.done_at == 0) return file;
  SLUICE_ASSIGN_OR_RETURN(const auto done, read_(row.done_at));
  file.is_done = true;
  file.summary = {text_field(done, "name"),
                  number_field(done, "lines").value_or(0),
                  number_field(done, "size").value_or(0),
                  number_field(done, "received").value_or(0),
                  number_field(done, "strays").value_or(0),
                  list_field(done, "strayTexts")};
  return file;
}

Result<void> FileTable::each(
    const std::function<Result<void>(std::size_t, const FileState&)>& take) const {
  for (std::size_t i = 0; i < size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(const auto file, at(i));
    if (!file.is_dropped) SLUICE_RETURN_IF_ERROR(take(i, file));
  }
  return {};
}

Result<std::optional<std::size_t>> FileTable::find(const std::string& url) const {
  const std::lock_guard lock(mutex_);
  if (by_hash_.empty()) return std::optional<std::size_t>();
  const std::uint32_t hash = hash_of(url);
  const std::size_t mask = by_hash_.size() - 1;
  for (std::size_t slot = hash & mask; by_hash_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t index = by_hash_[slot] - 1;
    if (hashes_[index] != hash) continue;
    SLUICE_ASSIGN_OR_RETURN(const Row row, row_at(index));
    if (row.kind == kDroppedKind) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto file, read_file(row, index));
    if (file.item.url == url) return std::optional(index);
  }
  return std::optional<std::size_t>();
}

void FileTable::grow() {
  by_hash_.assign(std::max(kTableMin, by_hash_.size() * 2), 0);
  const std::size_t mask = by_hash_.size() - 1;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    std::size_t slot = hashes_[i] & mask;
    while (by_hash_[slot] != 0) slot = (slot + 1) & mask;
    by_hash_[slot] = static_cast<std::uint32_t>(i + 1);
  }
  entries_ = hashes_.size();
}

void FileTable::note_url(std::size_t index, std::string_view url) {
  const std::uint32_t hash = hash_of(url);
  if (index == hashes_.size()) {
    hashes_.push_back(hash);
  } else if (hashes_[index] == hash) {
    return;
  } else {
    hashes_[index] = hash;
  }
  if ((entries_ + 1) * 4 > by_hash_.size() * 3) return grow();  // it has this one already
  const std::size_t mask = by_hash_.size() - 1;
  std::size_t slot = hash & mask;
  while (by_hash_[slot] != 0) slot = (slot + 1) & mask;
  by_hash_[slot] = static_cast<std::uint32_t>(index + 1);
  ++entries_;
}

Result<void> FileTable::take_file(const json::object& record, std::uint64_t at) {
  const std::lock_guard lock(mutex_);
  if (is_sealed_) return {};  // no round has files after its end
  const auto index = number_field(record, "i").value_or(rows_.size());
  if (index > rows_.size()) return not_there();
  if (index == rows_.size()) rows_.emplace_back();
  Row& row = rows_[index];
  row.file_at = at;
  row.kind = static_cast<std::uint64_t>(kind_of(text_field(record, "kind"))) & 3;
  urls_at_.erase(index);
  note_url(index, text_field(record, "url"));
  return {};
}

Result<void> FileTable::take_event(const std::string& event, const json::object& record,
                                   std::uint64_t at) {
  const std::lock_guard lock(mutex_);
  if (is_sealed_) return {};
  const auto index = number_field(record, "i");
  if (!index || *index >= rows_.size()) return not_there();
  if (event == "url") {
    urls_at_[*index] = at;
    note_url(*index, text_field(record, "url"));
  } else if (event == "begin") {
    Progress& progress = progress_[*index];
    progress.validator = {bytes_field(record, "etag"),
                          bytes_field(record, "modified"),
                          number_field(record, "total"),
                          {}};
    progress.synced = std::min(progress.synced, number_field(record, "at").value_or(0));
  } else if (event == "bytes") {
    progress_[*index].synced = number_field(record, "bytes").value_or(0);
  } else if (event == "dropped") {
    rows_[*index].kind = kDroppedKind;
    progress_.erase(*index);
  } else {
    rows_[*index].done_at = at & ((std::uint64_t{1} << 62) - 1);
    progress_.erase(*index);
  }
  return {};
}

void FileTable::seal(const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  std::deque<std::uint32_t>().swap(hashes_);
  std::vector<std::uint32_t>().swap(by_hash_);
  entries_ = 0;
  is_sealed_ = true;
  if (sealed_ || rows_.size() < kSealedMin) return;
  FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return;
  std::vector<Row> block;
  for (std::size_t at = 0; at < rows_.size(); at += block.size()) {
    const auto end = std::min(rows_.size(), at + kSealedMin);
    block.assign(rows_.begin() + static_cast<std::ptrdiff_t>(at),
                 rows_.begin() + static_cast<std::ptrdiff_t>(end));
    const std::string_view bytes(reinterpret_cast<const char*>(block.data()),
                                 block.size() * sizeof(Row));
    if (!write_all(file.get(), bytes, kSealedName)) return;
  }
  sealed_count_ = rows_.size();
  sealed_ = std::move(file);
  std::deque<Row>().swap(rows_);
}

void FileTable::clear() {
  const std::lock_guard lock(mutex_);
  std::deque<Row>().swap(rows_);
  sealed_.reset();
  is_sealed_ = false;
  std::deque<std::uint32_t>().swap(hashes_);
  std::vector<std::uint32_t>().swap(by_hash_);
  entries_ = 0;
  progress_.clear();
  urls_at_.clear();
}

}  // namespace sluice::client

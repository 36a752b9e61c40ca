#include "client/pull/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <isa-l/crc.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <span>

#include "base/json_text.h"
#include "base/utf8.h"

namespace sluice::client {
namespace {

constexpr std::size_t kChecksumSize = 8;
constexpr const char* kDamaged =
    "the journal is damaged, and nothing else says what the folder has: pull into a new one";
constexpr std::size_t kBlock = 1u << 20;
constexpr std::size_t kReadSize = 1024;  // of one record at a time
constexpr std::size_t kLineSizeMax = 64u << 20;

std::string checksum(std::string_view json) {
  return fmt::format(
      "{:08x}",
      crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(json.data()), json.size()));
}

// A line is UTF-8; one whose checksum is right and that is not was written before this was so.
boost::json::value parse_line(std::string_view text, boost::system::error_code& failed) {
  auto value = boost::json::parse({text.data(), text.size()}, failed);
  if (!failed || valid_utf8_prefix(text) == text.size()) return value;
  return boost::json::parse(replace_invalid_utf8(text), failed);
}

// Gives whole lines; says where the good ones end.
Result<std::uint64_t> read_lines(int fd, const std::filesystem::path& path,
                                 const Journal::OnRecord& on_record) {
  std::string pending;
  std::uint64_t good = 0, at = 0;
  std::optional<std::uint64_t> bad;  // where a line is damaged: fine if nothing follows
  std::string block(kBlock, '\0');
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(fd, at, block, path));
    if (n == 0) break;
    at += n;
    pending.append(block, 0, n);
    std::size_t start = 0;
    for (std::size_t end; (end = pending.find('\n', start)) != std::string::npos; start = end + 1) {
      if (bad) return corrupt(kDamaged, fmt::format("{} at {}", path.string(), *bad));
      const std::string_view line(pending.data() + start, end - start);
      boost::system::error_code failed;
      boost::json::value value;
      const auto text = check_journal_line(line);
      if (text) value = parse_line(*text, failed);
      if (!text || failed || !value.is_object()) {
        bad = good;
        continue;
      }
      SLUICE_RETURN_IF_ERROR(on_record(value.get_object(), good));
      good += line.size() + 1;
    }
    pending.erase(0, start);
    if (pending.size() > kLineSizeMax)
      return corrupt(kDamaged, fmt::format("{} at {}", path.string(), good));
  }
  return good;
}

}  // namespace

std::string journal_line(std::string_view json) {
  return fmt::format("{} {}\n", checksum(json), json);
}

Result<std::string_view> check_journal_line(std::string_view line) {
  if (line.size() < kChecksumSize + 1 || line[kChecksumSize] != ' ' ||
      checksum(line.substr(kChecksumSize + 1)) != line.substr(0, kChecksumSize))
    return corrupt("a line of the journal is damaged");
  return line.substr(kChecksumSize + 1);
}

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& path,
                                               const OnRecord& on_record) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return errno_error("cannot open", path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{ErrorKind::kUnavailable,
                 fmt::format("another process works in '{}'", path.parent_path().string())};
  SLUICE_ASSIGN_OR_RETURN(const std::uint64_t good, read_lines(file.get(), path, on_record));
  if (::ftruncate(file.get(), static_cast<off_t>(good)) != 0)
    return errno_error("cannot cut", path, errno);
  if (::lseek(file.get(), 0, SEEK_END) < 0) return errno_error("cannot seek in", path, errno);
  SLUICE_RETURN_IF_ERROR(sync_file(file.get(), path));
  SLUICE_RETURN_IF_ERROR(sync_folder(path.parent_path().empty() ? "." : path.parent_path()));
  return std::unique_ptr<Journal>(new Journal(std::move(file), path));
}

Result<std::uint64_t> Journal::append(const boost::json::object& record, Durability durability) {
  // What servers say may be of any encoding; what is written is read again.
  const std::string line = journal_line(json_text(record));
  const std::lock_guard lock(mutex_);
  const off_t before = ::lseek(file_.get(), 0, SEEK_CUR);
  if (auto written = write_all(file_.get(), line, path_); !written) {
    // A full disk leaves half a line: the next one must not be glued to it.
    if (::ftruncate(file_.get(), before) == 0) ::lseek(file_.get(), before, SEEK_SET);
    return written.error();
  }
  if (durability == Durability::kNow) SLUICE_RETURN_IF_ERROR(sync_file(file_.get(), path_));
  return static_cast<std::uint64_t>(before);
}

Result<boost::json::object> Journal::read(std::uint64_t at) const {
  const Error damaged = corrupt(kDamaged, fmt::format("{} at {}", path_.string(), at));
  std::string line;
  for (std::size_t end = std::string::npos; end == std::string::npos;) {
    const std::size_t known = line.size();
    line.resize(known + kReadSize);
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(file_.get(), at + known,
                                                         std::span(line).subspan(known), path_));
    line.resize(known + n);
    end = line.find('\n', known);
    if (n == 0 || line.size() > kLineSizeMax) return damaged;
    if (end != std::string::npos) line.resize(end);
  }
  SLUICE_ASSIGN_OR_RETURN(const auto text, check_journal_line(line));
  boost::system::error_code failed;
  auto value = parse_line(text, failed);
  if (failed || !value.is_object()) return damaged;
  return std::move(value.get_object());
}

Result<void> Journal::sync() {
  return sync_file(file_.get(), path_);
}

}  // namespace sluice::client

// The append-only journal of an output folder (docs/formats.md): requests, received bytes, complete
// files. Each line has a checksum; a torn last line is left by a crash and is cut off.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace sluice::client {

enum class Durability : std::uint8_t {
  kLater,  ///< with the kernel: survives our death, not the machine's
  kNow,    ///< on disk when append() returns
};

/// Thread-safe.
class Journal {
 public:
  /// A record and where it begins.
  using OnRecord = std::function<Result<void>(const boost::json::object&, std::uint64_t at)>;

  /// Opens or creates `path`, gives every record there is to `on_record`, and cuts a torn tail off.
  /// kCorrupt for a damaged line that is not the last, kUnavailable while another process has it
  /// open.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& path,
                                               const OnRecord& on_record);

  /// Returns where it begins. Bytes of texts that are no UTF-8 become U+FFFD.
  Result<std::uint64_t> append(const boost::json::object& record, Durability durability);
  /// The record that begins at `at`; kCorrupt when none does.
  Result<boost::json::object> read(std::uint64_t at) const;
  Result<void> sync();

 private:
  Journal(FileDescriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}

  const FileDescriptor file_;
  const std::filesystem::path path_;
  std::mutex mutex_;  // one line after the other
};

/// "<8 hex digits of CRC-32> <JSON>\n".
std::string journal_line(std::string_view json);
/// The JSON of a line without its line break; kCorrupt when the checksum is another's.
Result<std::string_view> check_journal_line(std::string_view line);

}  // namespace sluice::client

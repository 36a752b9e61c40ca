#include "store/rocksdb/info_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>

namespace sluice::store {
namespace {

constexpr std::size_t kLineMax = 4096;

}  // namespace

InfoLog::InfoLog(const std::filesystem::path& folder)
    : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(folder / "LOG") {
  open();
}

void InfoLog::open() {
  file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat status {};
  size_ =
      file_ && ::fstat(file_.get(), &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

void InfoLog::begin_anew() {
  file_.reset();
  std::error_code ignored;
  std::filesystem::rename(path_, path_.string() + ".old", ignored);
  open();
}

void InfoLog::Logv(const char* format, std::va_list arguments) {
  std::array<char, kLineMax> text;
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  if (length < 0) return;
  const std::string line = fmt::format(
      "{:%Y-%m-%dT%H:%M:%S}Z {}\n",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())),
      std::string_view(text.data(),
                       std::min<std::size_t>(static_cast<std::size_t>(length), text.size() - 1)));
  const std::lock_guard lock(mutex_);
  if (size_ >= kSizeMax) begin_anew();
  if (!file_) return;
  if (const auto written = ::write(file_.get(), line.data(), line.size()); written > 0)
    size_ += static_cast<std::size_t>(written);
}

}  // namespace sluice::store

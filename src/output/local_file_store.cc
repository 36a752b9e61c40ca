// FileStore on the local file system.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>

#include "base/file.h"
#include "base/utf8.h"
#include "base/worker_pool.h"
#include "output/file_store.h"

namespace sluice::output {
namespace {

constexpr std::size_t kNameMax = 128;

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax || name.front() == '.') return false;
  for (const char c : name)
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_' || c == '.'))
      return false;
  return true;
}

Result<void> check_name(std::string_view name) {
  if (!is_name(name)) return invalid(fmt::format("'{}' is not a file name", shortened(name, 64)));
  return {};
}

// How many files of each folder are open; shared with the files, which may outlive the store.
class OpenCounts {
 public:
  void add(const std::string& folder) {
    const std::lock_guard lock(mutex_);
    ++counts_[folder];
  }
  void remove(const std::string& folder) {
    const std::lock_guard lock(mutex_);
    if (const auto found = counts_.find(folder); found != counts_.end() && --found->second == 0)
      counts_.erase(found);
  }
  std::size_t of(std::string_view folder) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(folder);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t, std::less<>> counts_;  // guarded by mutex_
};

// The files that are open, each once: thousands of downloads of one file share its descriptor and
// its index, which of a large file is megabytes.
class OpenFiles {
 public:
  using File = std::shared_ptr<const SeekableGzipFile>;

  File find(const std::filesystem::path& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(path.native());
    return found == files_.end() ? nullptr : found->second.lock();
  }
  void add(const std::filesystem::path& path, const File& file) {
    const std::lock_guard lock(mutex_);
    if (files_.size() >= looked_through_at_) {
      std::erase_if(files_, [](const auto& each) { return each.second.expired(); });
      looked_through_at_ = 2 * files_.size() + kFewFiles;
    }
    files_[path.native()] = file;
  }

 private:
  static constexpr std::size_t kFewFiles = 64;
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const SeekableGzipFile>> files_;  // guarded by mutex_
  std::size_t looked_through_at_ = kFewFiles;                           // guarded by mutex_
};

// How many files wait for the disk at once. They burn no CPU, and the disk joins what comes
// together.
constexpr std::size_t kSyncThreads = 8;

// Waits until so many pieces of work are done.
class Countdown {
 public:
  explicit Countdown(std::size_t n) : left_(n) {}
  void count() {
    const std::lock_guard lock(mutex_);
    // Within the lock: whoever waits destroys this at once.
    if (--left_ == 0) done_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t left_;  // guarded by mutex_
};

class LocalFileStore final : public FileStore {
 public:
  LocalFileStore(std::filesystem::path root, const GzipOptions& options)
      : root_(std::move(root)),
        options_(options),
        counts_(std::make_shared<OpenCounts>()),
        sync_pool_({.threads = kSyncThreads, .name = "sync"}) {}

  Result<std::unique_ptr<SeekableGzipWriter>> create(std::string_view folder,
                                                     std::string_view name) override {
    SLUICE_ASSIGN_OR_RETURN(const auto path, new_path(folder, name));
    return SeekableGzipWriter::create(path, options_);
  }

  Result<std::unique_ptr<RawFileWriter>> create_raw(std::string_view folder,
                                                    std::string_view name) override {
    SLUICE_ASSIGN_OR_RETURN(const auto path, new_path(folder, name));
    return RawFileWriter::create(path, options_.block_size);
  }

  Result<void> finish_all(std::span<const std::unique_ptr<FileWriter>> writers) override {
    if (writers.empty()) return {};
    std::vector<Result<FileInfo>> outcomes(writers.size(), FileInfo());
    Countdown open(writers.size() - 1);
    for (std::size_t i = 1; i < writers.size(); ++i)
      sync_pool_.post([&, i] {
        outcomes[i] = writers[i]->finish();
        open.count();
      });
    outcomes.front() = writers.front()->finish();
    open.wait();
    for (const auto& outcome : outcomes) SLUICE_RETURN_IF_ERROR(outcome);
    return {};
  }

  Result<std::shared_ptr<const SeekableGzipFile>> open(std::string_view folder,
                                                       std::string_view name) override {
    SLUICE_RETURN_IF_ERROR(check_name(folder));
    SLUICE_RETURN_IF_ERROR(check_name(name));
    const auto path = root_ / folder / name;
    auto file = open_files_.find(path);
    if (file == nullptr || !file->is_at(path)) {
      SLUICE_ASSIGN_OR_RETURN(file, SeekableGzipFile::open(path, checked_));
      open_files_.add(path, file);
    }
    const std::string key(folder);
    counts_->add(key);
    const auto* plain = file.get();
    // The deleter holds the file, so that the count goes down exactly when the last user lets go.
    return std::shared_ptr<const SeekableGzipFile>(
        plain, [file = std::move(file), counts = counts_, key](const SeekableGzipFile*) {
          counts->remove(key);
        });
  }

  Result<void> sync_folder(std::string_view folder) override {
    SLUICE_RETURN_IF_ERROR(check_name(folder));
    return sluice::sync_folder(root_ / folder);
  }

  Result<void> remove_file(std::string_view folder, std::string_view name) override {
    SLUICE_RETURN_IF_ERROR(check_name(folder));
    SLUICE_RETURN_IF_ERROR(check_name(name));
    const auto path = root_ / folder / name;
    for (const auto& each : {path, std::filesystem::path(path.string() + ".idx")})
      if (::unlink(each.c_str()) != 0 && errno != ENOENT)
        return errno_error("cannot remove", each, errno);
    return {};
  }

  Result<void> remove_folder(std::string_view folder) override {
    SLUICE_RETURN_IF_ERROR(check_name(folder));
    std::error_code failed;
    std::filesystem::remove_all(root_ / folder, failed);
    if (failed) return errno_error("cannot remove folder", root_ / folder, failed.value());
    return {};
  }

  std::size_t open_files(std::string_view folder) const override { return counts_->of(folder); }

  Result<std::vector<std::string>> folders() const override {
    std::vector<std::string> names;
    std::error_code failed;
    std::filesystem::directory_iterator entries(root_, failed);
    for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
      std::error_code gone;  // an entry that went meanwhile is no folder
      std::string name = entries->path().filename().string();
      if (is_name(name) && entries->is_directory(gone)) names.push_back(std::move(name));
    }
    if (failed) return errno_error("cannot read folder", root_, failed.value());
    return names;
  }

  // Temporary files belong to writers that a crash ended.
  Result<void> remove_leftovers() const {
    using Entries = std::filesystem::recursive_directory_iterator;
    std::error_code failed;
    Entries entries(root_, failed);
    for (; !failed && entries != Entries(); entries.increment(failed)) {
      std::error_code gone;
      const std::string name = entries->path().filename().string();
      if (name.starts_with('.') && name.ends_with(".tmp") && entries->is_regular_file(gone))
        ::unlink(entries->path().c_str());
    }
    if (failed) return errno_error("cannot read folder", root_, failed.value());
    return {};
  }

 private:
  // Makes the folder if there is none.
  Result<std::filesystem::path> new_path(std::string_view folder, std::string_view name) const {
    SLUICE_RETURN_IF_ERROR(check_name(folder));
    SLUICE_RETURN_IF_ERROR(check_name(name));
    const auto path = root_ / folder;
    if (::mkdir(path.c_str(), 0700) == 0)
      SLUICE_RETURN_IF_ERROR(sluice::sync_folder(root_));
    else if (errno != EEXIST)
      return errno_error("cannot create folder", path, errno);
    return path / name;
  }

  const std::filesystem::path root_;
  const GzipOptions options_;
  const std::shared_ptr<OpenCounts> counts_;
  const std::shared_ptr<CheckedFiles> checked_ = make_checked_files();
  OpenFiles open_files_;
  WorkerPool sync_pool_;
};

}  // namespace

Result<std::unique_ptr<FileStore>> open_local_file_store(const std::filesystem::path& root,
                                                         const GzipOptions& options) {
  SLUICE_RETURN_IF_ERROR(make_folder(root));
  auto store = std::make_unique<LocalFileStore>(root, options);
  SLUICE_RETURN_IF_ERROR(store->remove_leftovers());
  return std::unique_ptr<FileStore>(std::move(store));
}

}  // namespace sluice::output

#include "faulty_disk.h"

#include <rocksdb/file_system.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sluice::store {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

struct State {
  std::atomic<FaultyDisk::Fault> fault = FaultyDisk::Fault::kNone;
  std::atomic<FaultyDisk::Fault> next_fault = FaultyDisk::Fault::kNone;
  std::atomic<int> appends_left = 0;
  std::mutex mutex;
  std::map<std::string, std::uint64_t> synced;  // by path; guarded by mutex

  // As the disk answers to an append now.
  IOStatus append_status() {
    if (next_fault != FaultyDisk::Fault::kNone && appends_left.fetch_sub(1) <= 0)
      fault = next_fault.load();
    if (fault == FaultyDisk::Fault::kFull) {
      auto status = IOStatus::NoSpace("injected: no space left on device");
      status.SetRetryable(true);
      return status;
    }
    if (fault == FaultyDisk::Fault::kBroken) return IOStatus::IOError("injected: I/O error");
    return IOStatus::OK();
  }
  IOStatus sync_status() const {
    const auto now = fault.load();
    return now == FaultyDisk::Fault::kSyncFails || now == FaultyDisk::Fault::kBroken
               ? IOStatus::IOError("injected: I/O error at fsync")
               : IOStatus::OK();
  }
};

class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<FSWritableFile> file, std::string path, State& state)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), state_(state) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (auto status = state_.append_status(); !status.ok()) {
      const Slice half(data.data(), data.size() / 2);
      size_ += half.size();
      FSWritableFileOwnerWrapper::Append(half, options, debug).PermitUncheckedError();
      return status;
    }
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const std::uint64_t size = size_;
    if (auto status = state_.sync_status(); !status.ok()) return status;
    auto status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) note_synced(size);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  void note_synced(std::uint64_t size) {
    const std::lock_guard lock(state_.mutex);
    // The file may have been renamed or removed meanwhile.
    if (const auto found = state_.synced.find(path_); found != state_.synced.end())
      found->second = std::max(found->second, size);
  }

  const std::string path_;
  State& state_;
  std::atomic<std::uint64_t> size_ = 0;
};

}  // namespace

class FaultyDisk::FileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyDisk"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    std::unique_ptr<FSWritableFile> file;
    auto status = target()->NewWritableFile(path, options, &file, debug);
    if (!status.ok()) return status;
    {
      const std::lock_guard lock(state.mutex);
      state.synced[path] = 0;
    }
    *result = std::make_unique<File>(std::move(file), path, state);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    const std::lock_guard lock(state.mutex);
    if (const auto found = state.synced.find(from); found != state.synced.end()) {
      state.synced[to] = found->second;
      state.synced.erase(found);
    }
    return target()->RenameFile(from, to, options, debug);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    const std::lock_guard lock(state.mutex);
    state.synced.erase(path);
    return target()->DeleteFile(path, options, debug);
  }

  // The wrapper's own writes to the real disk.
  IOStatus NewLogger(const std::string& path, const IOOptions&,
                     std::shared_ptr<rocksdb::Logger>* result, IODebugContext*) override {
    return rocksdb::status_to_io_status(rocksdb::NewEnvLogger(path, env, result));
  }

  State state;
  rocksdb::Env* env = nullptr;
};

FaultyDisk::FaultyDisk()
    : file_system_(std::make_shared<FileSystem>()), env_(rocksdb::NewCompositeEnv(file_system_)) {
  file_system_->env = env_.get();
}

FaultyDisk::~FaultyDisk() = default;

rocksdb::Env* FaultyDisk::env() const {
  return env_.get();
}

void FaultyDisk::set_fault(Fault fault) {
  file_system_->state.next_fault = Fault::kNone;
  file_system_->state.fault = fault;
}

void FaultyDisk::set_fault_after(Fault fault, int count) {
  file_system_->state.appends_left = count;
  file_system_->state.next_fault = fault;
}

void FaultyDisk::copy_after_power_loss(const std::filesystem::path& from,
                                       const std::filesystem::path& to) const {
  auto& state = file_system_->state;
  const std::lock_guard lock(state.mutex);
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    const auto copy = to / entry.path().filename();
    std::filesystem::copy_file(entry.path(), copy,
                               std::filesystem::copy_options::overwrite_existing);
    const auto found = state.synced.find(entry.path().string());
    if (found != state.synced.end() && found->second < std::filesystem::file_size(copy))
      std::filesystem::resize_file(copy, found->second);
  }
}

}  // namespace sluice::store

#include "client/pull/attachments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/shown_url.h"
#include "client/files/content_digest.h"
#include "client/files/line_rewrite.h"
#include "client/files/ndjson_lines.h"
#include "client/http/url.h"
#include "fhir/binary_content.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::size_t kOutstandingMax = 64;
constexpr std::size_t kTextsKept = 5;
constexpr milliseconds kShowInterval{200};
// A Binary in JSON is in memory as a whole.
constexpr std::uint64_t kBinaryMax = 64u << 20;
constexpr std::uint64_t kHeadMax = 64u << 10;  // of such a resource, without its data
constexpr const char* kFolder = "attachments";

using Mode = AttachmentOptions::Mode;

bool is_fhir_json(const std::string& type) {
  return type == "application/fhir+json" || type == "application/json" ||
         type == "application/json+fhir";
}

// Text of a file that is not larger than `most`.
Result<std::string> read_small(const fs::path& path, std::uint64_t most) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) return errno_error("cannot stat", path, failed.value());
  if (size > most) return Error{ErrorKind::kTooLarge, "it is too large for a Binary resource"};
  return read_file(path);
}

Result<std::string> read_start(const fs::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, open_for_reading(path));
  std::string start(2048, '\0');
  SLUICE_ASSIGN_OR_RETURN(const auto n, read_at(file.get(), 0, start, path));
  start.resize(n);
  return start;
}

Result<void> replace_file(const fs::path& path, std::string_view bytes) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, create_file(path));
  SLUICE_RETURN_IF_ERROR(write_all(file.get(), bytes, path));
  return sync_file(file.get(), path);
}

bool has_lines(const FileState& file) {
  return file.is_done && file.item.kind == FileKind::kOutput && !is_parquet_name(file.name);
}

// What one that fails costs: itself. Everything else ends the run.
bool is_of_one(ErrorKind kind) {
  return kind != ErrorKind::kCancelled && kind != ErrorKind::kStorage;
}

}  // namespace

Attachments::Attachments(PullState& state, const PullSettings& settings, const PullEvents& events,
                         Session session)
    : state_(state), settings_(settings), events_(events), session_(std::move(session)) {}
Attachments::~Attachments() = default;

fs::path Attachments::work_folder() const {
  return state_.folder() / ".sluice" / kFolder;
}

fs::path Attachments::part_of(const std::string& key) const {
  return work_folder() / key;
}

Result<void> Attachments::run() {
  const auto& round = state_.round();
  if (settings_.attachments.mode == Mode::kNone || round.attachments.is_written) return {};
  if (!round.attachments.is_fetched) SLUICE_RETURN_IF_ERROR(fetch_all());
  SLUICE_RETURN_IF_ERROR(write_all());
  SLUICE_RETURN_IF_ERROR(state_.note_attachments_written());
  std::error_code none;  // what stays costs room, no more
  fs::remove_all(work_folder(), none);
  return {};
}

Result<void> Attachments::fetch_all() {
  SLUICE_RETURN_IF_ERROR(make_folder(work_folder()));
  DownloadEvents told;
  told.on_begin = [this](std::size_t index, const FileValidator& validator, std::uint64_t) {
    const std::lock_guard lock(mutex_);
    pending_[index].content_type = validator.content_type;
  };
  told.on_checkpoint = [](std::size_t, std::uint64_t) {};
  told.on_end = [this](std::size_t index, Result<FileSummary> summary) {
    const std::lock_guard lock(mutex_);
    ended_.emplace_back(index, std::move(summary));
    ended_ready_.notify_all();
  };
  told.on_request = events_.request;
  told.notice = events_.notice;
  auto options = settings_.download;
  options.parallel_max = std::min(options.parallel_max, session_.vendor.parallel_max);
  downloader_ = std::make_unique<Downloader>(settings_.connection, options, session_.tokens,
                                             session_.clock, std::move(told));
  const auto& round = state_.round();
  SLUICE_RETURN_IF_ERROR(round.files->each([&](std::size_t, const FileState& file) -> Result<void> {
    if (!has_lines(file)) return {};
    const auto path = (state_.folder_of(round) / file.name).parent_path() / file.summary.name;
    return each_line(path, [this](std::string_view line) { return look_through(line); });
  }));
  SLUICE_RETURN_IF_ERROR(wait_for_room(0));
  downloader_->stop();
  return state_.note_attachments_fetched(counted_);
}

Result<void> Attachments::look_through(std::string_view line) {
  if (!AttachmentReader::may_have(line)) return {};
  refs_.clear();
  if (auto read = reader_.read(line, refs_); !read) {
    if (read.error().kind != ErrorKind::kTooLarge) return read;
    fail(read.error().message);
  }
  for (const auto& ref : refs_) SLUICE_RETURN_IF_ERROR(look_at(ref));
  return {};
}

// Relative URLs are the FHIR base's, as references are.
Result<std::string> Attachments::resolve(const std::string& url) const {
  const bool is_absolute = url.starts_with("http://") || url.starts_with("https://");
  if (!is_absolute && settings_.base.empty())
    return invalid(
        fmt::format("'{}' is relative, and no FHIR base is known: name it beside "
                    "--status-url",
                    shown_url(url)));
  return resolve_url(is_absolute ? "" : settings_.base + "/", url);
}

Result<void> Attachments::look_at(const AttachmentRef& ref) {
  if (ref.has_data || is_kept_attachment(ref.url)) return {};
  const auto& options = settings_.attachments;
  // What is known by the hash is known by all that it is checked against.
  std::string key = digest_of_text(
      fmt::format("{}\n{}\n{}", ref.url, ref.hash, ref.size ? std::to_string(*ref.size) : ""));
  if (!seen_.insert(key).second) return {};
  const auto colon = ref.url.find_first_of(":/?#");
  const bool has_scheme = colon != std::string::npos && ref.url[colon] == ':';
  const bool is_fetchable =
      !ref.url.starts_with('#') &&
      (!has_scheme || ref.url.starts_with("http:") || ref.url.starts_with("https:"));
  const bool is_small = !ref.size || *ref.size <= options.size_max;
  const bool is_wanted =
      options.types.empty() || is_wanted_type(media_type(ref.content_type), options.types);
  if (!is_fetchable || !is_small || !is_wanted) {
    ++counted_.skipped;
    return {};
  }
  if (const auto found = state_.round().attachments.fetched.find(key);
      found != state_.round().attachments.fetched.end()) {
    std::error_code none;
    if (fs::exists(state_.folder() / found->second.name, none)) return {};
  }
  const auto url = resolve(ref.url);
  if (!url) {
    fail(url.error().message);
    return {};
  }
  return start(std::move(key), ref, *url);
}

Result<void> Attachments::start(std::string key, const AttachmentRef& ref, const std::string& url) {
  SLUICE_RETURN_IF_ERROR(wait_for_room(kOutstandingMax - 1));
  const std::string& home = settings_.base.empty() ? state_.round().status_url : settings_.base;
  Download download;
  download.index = next_index_++;
  download.url = url;
  // What a resource names may be anywhere: the token is for the server that gave it alone.
  download.with_token = !settings_.client_id.empty() && origin_of(url) == origin_of(home);
  download.plan.path = part_of(key);
  download.plan.is_ndjson = false;
  download.plan.is_opaque = true;
  download.accept =
      ref.content_type.empty() || ref.content_type.find_first_of("\r\n") != std::string::npos
          ? "*/*"
          : media_type(ref.content_type) + ", */*;q=0.5";
  // Base64 and JSON around it make it longer.
  download.size_max = settings_.attachments.size_max / 2 * 3 + kHeadMax;
  {
    const std::lock_guard lock(mutex_);
    pending_.emplace(download.index, Pending{std::move(key), ref, {}});
  }
  downloader_->add(std::move(download));
  return {};
}

Result<void> Attachments::wait_for_room(std::size_t outstanding_max) {
  for (;;) {
    SLUICE_RETURN_IF_ERROR(session_.waiter.check());
    SLUICE_RETURN_IF_ERROR(take_ended());
    show();
    std::unique_lock lock(mutex_);
    if (pending_.size() <= outstanding_max) return {};
    ended_ready_.wait_for(lock, session_.waiter.stop(), kShowInterval,
                          [&] { return !ended_.empty(); });
  }
}

Result<void> Attachments::take_ended() {
  for (;;) {
    Pending pending;
    Result<FileSummary> summary = FileSummary{};
    {
      const std::lock_guard lock(mutex_);
      if (ended_.empty()) return {};
      pending = std::move(pending_[ended_.front().first]);
      pending_.erase(ended_.front().first);
      summary = std::move(ended_.front().second);
      ended_.pop_front();
    }
    if (!summary && !is_of_one(summary.error().kind)) return summary.error();
    if (!summary) {
      fail(summary.error().message);
      continue;
    }
    const auto finished = finish(pending);
    if (finished) continue;
    if (!is_of_one(finished.error().kind)) return finished.error();
    fail(fmt::format("{}: {}", shown_url(pending.ref.url), finished.error().message));
  }
}

// What was received, checked, under the name that it keeps.
Result<void> Attachments::finish(const Pending& pending) {
  const auto path = part_of(pending.key);
  std::string type = media_type(pending.content_type);
  if (type == "application/fhir+xml" && media_type(pending.ref.content_type) != type)
    return Error{ErrorKind::kConflict, "it comes as a Binary resource in XML"};
  if (is_fhir_json(type)) {
    const auto text = read_small(path, kBinaryMax);
    const bool is_binary = text && text->find("\"Binary\"") != std::string::npos;
    if (!text && type == "application/fhir+json") return text.error();
    if (is_binary) {
      SLUICE_ASSIGN_OR_RETURN(const auto content, fhir::read_binary(*text));
      SLUICE_RETURN_IF_ERROR(replace_file(path, content.bytes));
      type = media_type(content.content_type);
    }
  }
  SLUICE_ASSIGN_OR_RETURN(const auto digest, digest_of_file(path));
  const auto& ref = pending.ref;
  if (digest.size > settings_.attachments.size_max)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("more than {} bytes", settings_.attachments.size_max)};
  if (ref.size && *ref.size != digest.size)
    return corrupt(fmt::format("it has {} bytes, the Attachment says {}", digest.size, *ref.size));
  if (!ref.hash.empty() && ref.hash != digest.sha1_base64)
    return corrupt("its SHA-1 is not the Attachment's hash");
  if (ref.hash.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const auto start, read_start(path));
    const auto wrong = what_is_wrong(media_type(ref.content_type), type, start);
    if (!wrong.empty()) return corrupt(wrong);
  }
  if (!ref.content_type.empty()) type = media_type(ref.content_type);
  FetchedAttachment fetched{fmt::format(".sluice/{}/{}", kFolder, pending.key),
                            type.empty() ? std::string("application/octet-stream") : type,
                            digest.size};
  if (settings_.attachments.mode == Mode::kFiles) {
    fetched.name = fmt::format("{}/{}/{}{}", kFolder, digest.sha256_hex.substr(0, 2),
                               digest.sha256_hex, file_suffix(type));
    const auto target = state_.folder() / fetched.name;
    SLUICE_RETURN_IF_ERROR(make_folder(target.parent_path()));
    if (std::rename(path.c_str(), target.c_str()) != 0)
      return errno_error("cannot rename", path, errno);
  }
  return state_.note_attachment(pending.key, fetched);
}

void Attachments::fail(const std::string& why) {
  ++counted_.failed;
  if (counted_.texts.size() < kTextsKept) counted_.texts.push_back(why);
}

Result<void> Attachments::write_all() {
  const auto& round = state_.round();
  if (round.attachments.fetched.empty()) return {};
  std::set<fs::path> folders;
  for (const auto& [key, fetched] : round.attachments.fetched)
    folders.insert((state_.folder() / fetched.name).parent_path());
  for (const auto& folder : folders) SLUICE_RETURN_IF_ERROR(sync_folder(folder));
  return round.files->each([&](std::size_t, const FileState& file) -> Result<void> {
    if (!has_lines(file)) return {};
    SLUICE_RETURN_IF_ERROR(session_.waiter.check());
    SLUICE_ASSIGN_OR_RETURN(
        const bool is_changed,
        write_file((state_.folder_of(round) / file.name).parent_path() / file.summary.name));
    (void)is_changed;
    return {};
  });
}

// Rewrites a file when a line of it changes. Repeating it changes nothing: attachments in a line
// are not fetched again.
Result<bool> Attachments::write_file(const fs::path& path) {
  return rewrite_lines(path, state_.folder() / ".sluice" / "rewritten", &AttachmentReader::may_have,
                       [this](std::string_view line) { return change_line(line); });
}

Result<std::string> Attachments::change_line(std::string_view line) {
  refs_.clear();
  if (auto read = reader_.read(line, refs_); !read) {
    if (read.error().kind == ErrorKind::kTooLarge) return std::string(line);  // counted before
    return read.error();
  }
  std::vector<LineChange> changes;
  for (const auto& ref : refs_) {
    if (ref.has_data) continue;
    const auto& fetched = state_.round().attachments.fetched;
    const auto found = fetched.find(digest_of_text(
        fmt::format("{}\n{}\n{}", ref.url, ref.hash, ref.size ? std::to_string(*ref.size) : "")));
    if (found == fetched.end()) continue;
    if (settings_.attachments.mode == Mode::kFiles) {
      changes.push_back(with_url(ref, found->second.name));
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(const auto bytes, read_file(state_.folder() / found->second.name));
    changes.push_back(with_data(ref, bytes, found->second.content_type));
  }
  return apply_changes(line, changes);
}

void Attachments::show() {
  if (!events_.progress) return;
  PullProgress progress;
  progress.phase = "fetching attachments";
  progress.files_done = state_.round().attachments.fetched.size();
  progress.files_known = seen_.size() - counted_.skipped;
  progress.download = downloader_->progress();
  events_.progress(progress);
}

}  // namespace sluice::client

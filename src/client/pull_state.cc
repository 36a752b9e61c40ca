#include "client/pull_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr const char* kFolder = ".sluice";
constexpr const char* kJournal = "journal";

std::string text(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::optional<std::uint64_t> number(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code failed;
  const auto parsed = value->to_number<std::uint64_t>(failed);
  if (failed) return std::nullopt;
  return parsed;
}
bool flag(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}
json::object part(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : json::object();
}

void apply_attachments(const json::object& record, AttachmentState& attachments) {
  if (text(record, "what") == "written") {
    attachments.is_written = true;
    return;
  }
  attachments.is_fetched = true;
  attachments.failed = number(record, "failed").value_or(0);
  attachments.skipped = number(record, "skipped").value_or(0);
  attachments.texts.clear();
  const auto* texts = record.if_contains("texts");
  if (texts != nullptr && texts->is_array())
    for (const auto& each : texts->get_array())
      if (each.is_string()) attachments.texts.emplace_back(each.get_string());
}

FileKind kind_of(std::string_view name) {
  if (name == to_string(FileKind::kDeleted)) return FileKind::kDeleted;
  return name == to_string(FileKind::kOutcome) ? FileKind::kOutcome : FileKind::kOutput;
}

std::string boot_id() {
  // Not there on some systems: then every start counts as a new boot, which costs some bytes.
  constexpr const char* kPath = "/proc/sys/kernel/random/boot_id";
  std::string line(256, '\0');
  const auto file = open_for_reading(kPath);
  if (!file) return {};
  const auto n = read_at(file->get(), 0, line, kPath);
  line.resize(n ? *n : 0);
  line.erase(std::min(line.find('\n'), line.size()));
  return line;
}

}  // namespace

bool PullState::exists(const std::filesystem::path& folder) {
  std::error_code failed;
  return std::filesystem::exists(folder / kFolder / kJournal, failed);
}

Result<std::unique_ptr<PullState>> PullState::open(const std::filesystem::path& folder) {
  SLUICE_CHECK(make_folder(folder / kFolder));
  std::unique_ptr<PullState> state(new PullState(folder));
  SLUICE_TRY(state->journal_,
             Journal::open(folder / kFolder / kJournal,
                           [&](const json::object& record) { return state->apply(record); }));
  const std::string now = boot_id();
  state->same_boot_ = !now.empty() && state->boot_ == now;
  SLUICE_CHECK(state->write({{"e", "start"}, {"boot", now}}, Durability::kNow));
  return state;
}

std::filesystem::path PullState::folder_of(const Round& round) const {
  return round.folder.empty() ? folder_ : folder_ / round.folder;
}

Result<FileState*> PullState::file_of(const json::object& record) {
  const auto index = number(record, "i");
  if (rounds_.empty() || !index || *index >= rounds_.back().files.size())
    return corrupt("the journal names a file that is not there");
  return &rounds_.back().files[*index];
}

// "Observation-00001.ndjson", "deleted/deleted-00001.ndjson": what a server calls a type is not
// what we call a file.
std::string PullState::name_for(const ManifestItem& item) {
  std::string stem;
  for (const char c : item.type)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 && stem.size() < 64) stem += c;
  if (stem.empty()) stem = "resources";
  std::string folder;
  if (item.kind != FileKind::kOutput) {
    stem = to_string(item.kind);
    folder = stem + "/";
  }
  const unsigned count = ++names_[folder + stem];
  return fmt::format("{}{}-{:05}.ndjson", folder, stem, count);
}

Result<void> PullState::apply(const json::object& record) {
  const std::string event = text(record, "e");
  if (event == "start") {
    boot_ = text(record, "boot");
    return {};
  }
  if (event == "sync") {
    sync_records_.push_back(record);
    // What was put into the copy is not looked at again.
    if (text(record, "what") == "done")
      for (auto& round : rounds_) std::vector<FileState>().swap(round.files);
    return {};
  }
  if (event == "round") {
    Round round;
    round.number = number(record, "n").value_or(rounds_.size() + 1);
    round.purpose = text(record, "purpose");
    round.folder = text(record, "folder");
    SLUICE_TRY(round.request, parse_pull_request(part(record, "request")));
    round.settings = part(record, "settings");
    rounds_.push_back(std::move(round));
    names_.clear();
    return {};
  }
  if (rounds_.empty()) return corrupt("the journal begins in the middle");
  if (event == "delivered") {
    const auto wanted = number(record, "n").value_or(0);
    for (auto& each : rounds_)
      if (each.number == wanted) {
        each.is_delivered = true;
        each.refused = number(record, "refused").value_or(0);
      }
    return {};
  }
  Round& round = rounds_.back();
  if (event == "job") {
    round.status_url = text(record, "url");
    round.is_adopted = flag(record, "adopted");
  } else if (event == "lost") {
    round.status_url.clear();
    round.files.clear();
    round.attachments = {};
    round.has_manifest = false;
    names_.clear();
  } else if (event == "file") {
    FileState file;
    file.item = {kind_of(text(record, "kind")), text(record, "type"), text(record, "url"),
                 number(record, "count"), number(record, "size")};
    file.name = text(record, "name");
    // The next name must be another's.
    (void)name_for(file.item);
    round.files.push_back(std::move(file));
  } else if (event == "manifest") {
    round.has_manifest = round.has_manifest || flag(record, "whole");
    round.transaction_time = text(record, "transactionTime");
    round.requires_access_token = flag(record, "token");
  } else if (event == "attachment") {
    round.attachments.fetched[text(record, "of")] = {text(record, "name"), text(record, "type"),
                                                     number(record, "size").value_or(0)};
  } else if (event == "attachments") {
    apply_attachments(record, round.attachments);
  } else if (event == "finish") {
    round.is_finished = true;
  } else if (event == "url" || event == "begin" || event == "bytes" || event == "done") {
    SLUICE_TRY(FileState* const file, file_of(record));
    if (event == "url") file->item.url = text(record, "url");
    if (event == "begin") {
      file->validator = {
          text(record, "etag"), text(record, "modified"), number(record, "total"), {}};
      file->synced = std::min(file->synced, number(record, "at").value_or(0));
    }
    if (event == "bytes") file->synced = number(record, "bytes").value_or(0);
    if (event == "done") {
      file->is_done = true;
      file->summary = {text(record, "name"), number(record, "lines").value_or(0),
                       number(record, "size").value_or(0), number(record, "received").value_or(0)};
    }
  } else if (event != "poll") {
    return corrupt("the journal is of another version of Sluice", event.substr(0, 40));
  }
  return {};
}

Result<void> PullState::write(json::object record, Durability durability) {
  const std::lock_guard lock(mutex_);
  SLUICE_CHECK(journal_->append(record, durability));
  return apply(record);
}

Result<void> PullState::begin_round(const std::string& purpose, const std::string& folder,
                                    const PullRequest& request, const json::object& settings) {
  json::object record{{"e", "round"}, {"n", rounds_.size() + 1}, {"purpose", purpose}};
  if (!folder.empty()) record["folder"] = folder;
  record["request"] = to_json(request);
  record["settings"] = settings;
  return write(std::move(record), Durability::kNow);
}

Result<void> PullState::set_job(const std::string& status_url, bool is_adopted) {
  return write({{"e", "job"}, {"url", status_url}, {"adopted", is_adopted}}, Durability::kNow);
}

Result<void> PullState::lose_job() {
  return write({{"e", "lost"}}, Durability::kNow);
}

Result<void> PullState::note_poll(const std::string& progress) {
  return write({{"e", "poll"}, {"progress", progress}}, Durability::kLater);
}

Result<std::size_t> PullState::add_file(const ManifestItem& item) {
  json::object record{{"e", "file"},
                      {"i", round().files.size()},
                      {"kind", std::string(to_string(item.kind))},
                      {"type", item.type},
                      {"url", item.url}};
  if (item.count) record["count"] = *item.count;
  if (item.size) record["size"] = *item.size;
  {
    const std::lock_guard lock(mutex_);
    const auto before = names_;
    record["name"] = name_for(item);
    names_ = before;
  }
  SLUICE_CHECK(write(std::move(record), Durability::kLater));
  return round().files.size() - 1;
}

Result<void> PullState::set_url(std::size_t index, const std::string& url) {
  return write({{"e", "url"}, {"i", index}, {"url", url}}, Durability::kLater);
}

Result<void> PullState::set_manifest(const ManifestHead& head, bool is_whole) {
  return write({{"e", "manifest"},
                {"whole", is_whole},
                {"transactionTime", head.transaction_time},
                {"token", head.requires_access_token}},
               is_whole ? Durability::kNow : Durability::kLater);
}

Result<void> PullState::note_begin(std::size_t index, const FileValidator& validator,
                                   std::uint64_t offset) {
  json::object record{{"e", "begin"}, {"i", index}, {"at", offset}};
  if (!validator.etag.empty()) record["etag"] = validator.etag;
  if (!validator.last_modified.empty()) record["modified"] = validator.last_modified;
  if (validator.total) record["total"] = *validator.total;
  return write(std::move(record), Durability::kLater);
}

Result<void> PullState::note_bytes(std::size_t index, std::uint64_t bytes) {
  return write({{"e", "bytes"}, {"i", index}, {"bytes", bytes}}, Durability::kNow);
}

Result<void> PullState::note_done(std::size_t index, const FileSummary& summary) {
  return write({{"e", "done"},
                {"i", index},
                {"name", summary.name},
                {"lines", summary.lines},
                {"size", summary.size},
                {"received", summary.received_size}},
               Durability::kNow);
}

Result<void> PullState::note_attachment(const std::string& key,
                                        const FetchedAttachment& attachment) {
  return write({{"e", "attachment"},
                {"of", key},
                {"name", attachment.name},
                {"type", attachment.content_type},
                {"size", attachment.size}},
               Durability::kLater);
}

Result<void> PullState::note_attachments_fetched(const AttachmentState& attachments) {
  return write({{"e", "attachments"},
                {"what", "fetched"},
                {"failed", attachments.failed},
                {"skipped", attachments.skipped},
                {"texts", json::array(attachments.texts.begin(), attachments.texts.end())}},
               Durability::kNow);
}

Result<void> PullState::note_attachments_written() {
  return write({{"e", "attachments"}, {"what", "written"}}, Durability::kNow);
}

Result<void> PullState::finish_round() {
  return write({{"e", "finish"}}, Durability::kNow);
}

Result<void> PullState::note_delivered(std::uint64_t round_number, std::uint64_t refused) {
  return write({{"e", "delivered"}, {"n", round_number}, {"refused", refused}}, Durability::kNow);
}

Result<void> PullState::note_sync(json::object record) {
  record["e"] = "sync";
  return write(std::move(record), Durability::kNow);
}

}  // namespace sluice::client

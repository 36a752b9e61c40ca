#include "client/pull/pull_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/instant.h"
#include "client/pull/record_fields.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr const char* kFolder = ".sluice";
constexpr const char* kJournal = "journal";
constexpr std::size_t kNumberSize = 5;   // digits in a file's name, at least
constexpr std::size_t kStemsMax = 2000;  // of file names: FHIR has no 200 types

json::object part(const json::object& record, std::string_view name) {
  const auto* value = record.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : json::object();
}

void apply_attachments(const json::object& record, AttachmentState& attachments) {
  if (text_field(record, "what") == "written") {
    attachments.is_written = true;
    return;
  }
  attachments.is_fetched = true;
  attachments.failed = number_field(record, "failed").value_or(0);
  attachments.skipped = number_field(record, "skipped").value_or(0);
  attachments.texts = list_field(record, "texts");
}

// A manifest that is read again may have the time of the question: what was exported is older.
void take_time(const std::string& time, Round& round) {
  const auto before = parse_fhir_instant(round.transaction_time);
  const auto now = parse_fhir_instant(time);
  const bool is_first = !round.has_manifest && round.transaction_time.empty();
  if (is_first || (before && now && *now < *before)) round.transaction_time = time;
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

// Of an export that another program asked for only its URLs tell what it is.
bool is_parquet(const PullRequest& request, const ManifestItem& item) {
  return request.is_parquet() || item.url.find(".parquet") != std::string::npos;
}

// "Patient.00001.ndjson", with any suffix after it.
bool is_name_of_pull(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos) return false;
  const auto after = name.find('.', dot + 1);
  if (after == std::string_view::npos || after - dot - 1 < kNumberSize) return false;
  const auto number = name.substr(dot + 1, after - dot - 1);
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const auto suffix = name.substr(after);
  return suffix.starts_with(".ndjson") || suffix.starts_with(".jsonl") ||
         suffix.starts_with(".strays") || suffix.starts_with(".parquet");
}

}  // namespace

std::string stray_name(const std::string& file_name) {
  const std::filesystem::path path(file_name);
  const bool is_deletions = path.has_parent_path();  // not to be called as those of output
  return (is_deletions ? "error/deleted" : "error/") + path.stem().string() + ".strays.jsonl";
}

bool is_parquet_name(const std::string& file_name) {
  return file_name.ends_with(".parquet");
}

Result<bool> PullState::exists(const std::filesystem::path& folder) {
  std::error_code failed;
  const auto path = folder / kFolder / kJournal;
  const bool is_there = std::filesystem::exists(path, failed);
  if (failed) return errno_error("cannot look for", path, failed.value());
  return is_there;
}

Result<void> PullState::check_names(const std::filesystem::path& folder) {
  SLUICE_ASSIGN_OR_RETURN(const bool has_journal, exists(folder));
  if (has_journal) return {};
  for (const char* part : {"", "deleted", "error"}) {
    std::error_code failed;
    for (std::filesystem::directory_iterator each(folder / part, failed), end;
         !failed && each != end; each.increment(failed))
      if (is_name_of_pull(each->path().filename().string()))
        return invalid(
            fmt::format("'{}' is there, but no pull has left it: take another folder, or "
                        "remove it",
                        each->path().string()));
  }
  return {};
}

Result<std::unique_ptr<PullState>> PullState::open(const std::filesystem::path& folder) {
  SLUICE_RETURN_IF_ERROR(make_folder(folder / kFolder));
  std::unique_ptr<PullState> state(new PullState(folder));
  SLUICE_ASSIGN_OR_RETURN(
      state->journal_,
      Journal::open(folder / kFolder / kJournal, [&](const json::object& record, std::uint64_t at) {
        return state->apply(record, at);
      }));
  const std::string now = boot_id();
  state->same_boot_ = !now.empty() && state->boot_ == now;
  SLUICE_RETURN_IF_ERROR(state->write({{"e", "start"}, {"boot", now}}, Durability::kNow));
  return state;
}

std::filesystem::path PullState::folder_of(const Round& round) const {
  return round.folder.empty() ? folder_ : folder_ / round.folder;
}

// "Observation.00001.ndjson", "deleted/Bundle.00001.jsonl": what a server calls a type is not what
// we call a file. What is no data has another suffix, so that whoever looks for NDJSON in all
// folders does not read it (L-13).
std::string PullState::stem_of(FileKind kind, const std::string& type) const {
  if (kind == FileKind::kDeleted) return "deleted/Bundle";
  if (kind == FileKind::kOutcome) return "error/OperationOutcome";
  std::string stem;
  for (const char c : type)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 && stem.size() < 64) stem += c;
  const bool is_one_too_many = names_.size() > kStemsMax && !names_.contains(stem);
  return stem.empty() || is_one_too_many ? "resources" : stem;
}

// What is not looked at again: once a cycle is done, the copy's files stand in its record. Of one
// that was left only its own are of no use: the copy may still be what the first round pulled.
void PullState::forget_files(const json::object& record) {
  const std::string what = text_field(record, "what");
  std::size_t first = rounds_.size();
  if (what == "done") first = 0;
  if (what == "left")
    for (const auto& begun : sync_records_)
      if (text_field(begun, "what") == "begin" &&
          number_field(begun, "cycle") == number_field(record, "cycle"))
        first = number_field(begun, "rounds").value_or(rounds_.size());
  for (std::size_t i = first; i < rounds_.size(); ++i) rounds_[i].files->clear();
}

Result<void> PullState::apply(const json::object& record, std::uint64_t at) {
  const std::string event = text_field(record, "e");
  if (event == "start") {
    boot_ = text_field(record, "boot");
    return {};
  }
  if (event == "source") {
    source_ = text_field(record, "name");
    return {};
  }
  if (event == "sync") {
    sync_records_.push_back(record);
    forget_files(record);
    return {};
  }
  if (event == "round") {
    Round round;
    round.number = number_field(record, "n").value_or(rounds_.size() + 1);
    round.purpose = text_field(record, "purpose");
    round.folder = text_field(record, "folder");
    SLUICE_ASSIGN_OR_RETURN(round.request, parse_pull_request(part(record, "request")));
    round.settings = part(record, "settings");
    round.files = std::make_shared<FileTable>([this](std::uint64_t where) {
      return journal_ ? journal_->read(where)
                      : Result<json::object>(corrupt("the journal is not open yet"));
    });
    // A pull that no server has accepted may be asked for otherwise.
    if (rounds_.size() == 1 && !rounds_.front().had_job) rounds_.clear();
    rounds_.push_back(std::move(round));
    names_.clear();
    return {};
  }
  if (rounds_.empty()) return corrupt("the journal begins in the middle");
  if (event == "delivered") {
    const auto wanted = number_field(record, "n").value_or(0);
    for (auto& each : rounds_)
      if (each.number == wanted) {
        each.is_delivered = true;
        each.refused = number_field(record, "refused").value_or(0);
      }
    return {};
  }
  Round& round = rounds_.back();
  if (event == "job") {
    round.status_url = text_field(record, "url");
    round.is_adopted = flag_field(record, "adopted");
    round.had_job = true;
  } else if (event == "lost") {
    round.status_url.clear();
    round.files->clear();
    round.attachments = {};
    round.has_manifest = false;
    round.transaction_time.clear();
    round.remarks = {};
    names_.clear();
  } else if (event == "file") {
    const std::size_t before = round.files->size();
    SLUICE_RETURN_IF_ERROR(round.files->take_file(record, at));
    // The next name must be another's.
    if (round.files->size() > before)
      ++names_[stem_of(round.files->kind(before), text_field(record, "type"))];
  } else if (event == "manifest") {
    take_time(text_field(record, "transactionTime"), round);
    round.has_manifest = round.has_manifest || flag_field(record, "whole");
    round.requires_access_token = flag_field(record, "token");
    round.organized_by = text_field(record, "organizedBy");
    round.lists_deletions = flag_field(record, "deletions");
    round.remarks = {
        number_field(record, "missing").value_or(0), number_field(record, "outcomes").value_or(0),
        number_field(record, "outcomeErrors").value_or(0), list_field(record, "texts")};
  } else if (event == "reopened") {
    round.has_manifest = false;
  } else if (event == "attachment") {
    round.attachments.fetched[text_field(record, "of")] = {
        text_field(record, "name"), text_field(record, "type"),
        number_field(record, "size").value_or(0)};
  } else if (event == "attachments") {
    apply_attachments(record, round.attachments);
  } else if (event == "finish") {
    round.is_finished = true;
    round.files->seal(folder_ / kFolder);
  } else if (event == "url" || event == "begin" || event == "bytes" || event == "done" ||
             event == "dropped") {
    SLUICE_RETURN_IF_ERROR(round.files->take_event(event, record, at));
  } else if (event != "poll") {
    return corrupt("the journal is of another version of Sluice", event.substr(0, 40));
  }
  return {};
}

Result<void> PullState::write(json::object record, Durability durability) {
  const std::lock_guard lock(mutex_);
  SLUICE_ASSIGN_OR_RETURN(const std::uint64_t at, journal_->append(record, durability));
  return apply(record, at);
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
  const std::size_t index = round().files->size();
  FileState file;
  file.item = item;
  {
    const std::lock_guard lock(mutex_);
    const std::string stem = stem_of(item.kind, item.type);
    const auto named = names_.find(stem);
    const char* const suffix = item.kind != FileKind::kOutput             ? "jsonl"
                               : is_parquet(rounds_.back().request, item) ? "parquet"
                                                                          : "ndjson";
    file.name =
        fmt::format("{}.{:05}.{}", stem, named == names_.end() ? 1 : named->second + 1, suffix);
  }
  SLUICE_RETURN_IF_ERROR(write(file_record(index, file), Durability::kLater));
  return index;
}

Result<void> PullState::set_url(std::size_t index, const std::string& url) {
  SLUICE_ASSIGN_OR_RETURN(auto file, round().files->at(index));
  file.item.url = url;
  return write(file_record(index, file), Durability::kLater);
}

Result<void> PullState::reopen_manifest() {
  return write({{"e", "reopened"}}, Durability::kNow);
}

Result<void> PullState::drop_file(std::size_t index) {
  return write({{"e", "dropped"}, {"i", index}}, Durability::kLater);
}

Result<void> PullState::set_manifest(const ManifestHead& head, const ManifestRemarks& remarks,
                                     bool is_whole) {
  json::object record{{"e", "manifest"},
                      {"whole", is_whole},
                      {"transactionTime", head.transaction_time},
                      {"token", head.requires_access_token},
                      {"deletions", head.lists_deletions}};
  if (!head.organized_by.empty()) record["organizedBy"] = head.organized_by;
  if (remarks.missing > 0) record["missing"] = remarks.missing;
  if (remarks.outcomes > 0) record["outcomes"] = remarks.outcomes;
  if (remarks.outcome_errors > 0) record["outcomeErrors"] = remarks.outcome_errors;
  if (!remarks.texts.empty())
    record["texts"] = json::array(remarks.texts.begin(), remarks.texts.end());
  return write(std::move(record), is_whole ? Durability::kNow : Durability::kLater);
}

Result<void> PullState::note_begin(std::size_t index, const FileValidator& validator,
                                   std::uint64_t offset) {
  json::object record{{"e", "begin"}, {"i", index}, {"at", offset}};
  put_bytes(record, "etag", validator.etag);
  put_bytes(record, "modified", validator.last_modified);
  if (validator.total) record["total"] = *validator.total;
  return write(std::move(record), Durability::kLater);
}

Result<void> PullState::note_bytes(std::size_t index, std::uint64_t bytes) {
  return write({{"e", "bytes"}, {"i", index}, {"bytes", bytes}}, Durability::kNow);
}

Result<void> PullState::note_done(std::size_t index, const FileSummary& summary) {
  json::object record{{"e", "done"},          {"i", index},
                      {"name", summary.name}, {"lines", summary.lines},
                      {"size", summary.size}, {"received", summary.received_size}};
  if (summary.strays > 0) {
    record["strays"] = summary.strays;
    record["strayTexts"] = json::array(summary.stray_texts.begin(), summary.stray_texts.end());
  }
  return write(std::move(record), Durability::kNow);
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

Result<void> PullState::set_source(const std::string& name) {
  return write({{"e", "source"}, {"name", name}}, Durability::kNow);
}

Result<void> PullState::note_sync(json::object record) {
  record["e"] = "sync";
  return write(std::move(record), Durability::kNow);
}

}  // namespace sluice::client

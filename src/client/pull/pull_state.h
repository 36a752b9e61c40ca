// The state that an output folder's journal records: the rounds that were pulled into it, and the
// progress of the last one. Built from records, changed only together with them.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/files/downloader.h"
#include "client/protocol/manifest_reader.h"
#include "client/protocol/pull_request.h"
#include "client/pull/file_table.h"
#include "client/pull/journal.h"

namespace sluice::client {

/// An attachment that was fetched.
struct FetchedAttachment {
  std::string name;          ///< relative to the output folder
  std::string content_type;  ///< as the server stated it
  std::uint64_t size = 0;
};

/// The state of a round's attachments.
struct AttachmentState {
  std::map<std::string, FetchedAttachment> fetched;  ///< by their key
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;       ///< not selected, or without a usable URL
  std::vector<std::string> texts;  ///< the first few failures
  bool is_fetched = false;         ///< everything available is fetched
  bool is_written = false;         ///< and written into the round's files
};

/// What a manifest states without naming a file.
struct ManifestRemarks {
  std::uint64_t missing = 0;   ///< files of output or deletions that have no URL and are not empty
  std::uint64_t outcomes = 0;  ///< OperationOutcomes in the manifest itself
  std::uint64_t outcome_errors = 0;
  std::vector<std::string> texts = {};  ///< the first few
};

/// One export, from its kick-off to its end.
struct Round {
  std::uint64_t number = 0;
  std::string purpose;  ///< "pull"; of a sync "members", "joined", "changes"
  std::string folder;   ///< relative to the output folder; empty: itself
  PullRequest request;
  boost::json::object settings;
  std::string status_url;
  bool is_adopted = false;  ///< another program kicked it off
  bool had_job = false;     ///< a server has accepted it once
  bool has_manifest = false;
  std::string transaction_time;
  bool requires_access_token = false;
  bool lists_deletions = false;
  std::string organized_by;  ///< a type, when files are not of one type each
  ManifestRemarks remarks;
  /// Shared because rounds are values and the table is one.
  std::shared_ptr<FileTable> files;
  AttachmentState attachments;
  bool is_finished = false;
  bool is_delivered = false;  ///< its target (pull_target.h) has all of it
  std::uint64_t refused = 0;  ///< resources that the target did not take
};

/// Where lines of an output file go that do not belong into it: "error/Patient.00001.strays.jsonl",
/// relative to the round's folder.
std::string stray_name(const std::string& file_name);

/// Whether an output file is Parquet, by the name that the pull gave it.
bool is_parquet_name(const std::string& file_name);

/// Thread-safe: the downloader's threads write too.
class PullState {
 public:
  /// Reads the journal of `folder`, which is made when it is not there.
  static Result<std::unique_ptr<PullState>> open(const std::filesystem::path& folder);
  /// Whether the folder has a journal. kStorage when the folder cannot be looked into.
  static Result<bool> exists(const std::filesystem::path& folder);
  /// Whether a folder without a journal has no files of the names that a pull writes. kInvalid
  /// names one.
  static Result<void> check_names(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// All rounds: the last one in full, earlier ones with their finished files only. Only the
  /// control thread may read it while downloads run.
  const std::vector<Round>& rounds() const { return rounds_; }
  bool has_round() const { return !rounds_.empty(); }
  const Round& round() const { return rounds_.back(); }
  /// The folder where the round's files are.
  std::filesystem::path folder_of(const Round& round) const;
  /// The records of the kind "sync", which the local copy keeps (local_copy.h), in order.
  const std::vector<boost::json::object>& sync_records() const { return sync_records_; }
  /// What a target knows the folder by, wherever the folder is; empty: not named yet.
  const std::string& source() const { return source_; }
  /// Whether the machine runs since the journal was written last: then all bytes of parts count.
  bool same_boot() const { return same_boot_; }

  Result<void> begin_round(const std::string& purpose, const std::string& folder,
                           const PullRequest& request, const boost::json::object& settings);
  Result<void> set_job(const std::string& status_url, bool is_adopted);
  /// The server lost the job: its files count no longer.
  Result<void> lose_job();
  Result<void> note_poll(const std::string& progress);
  /// A new file; its index.
  Result<std::size_t> add_file(const ManifestItem& item);
  Result<void> set_url(std::size_t index, const std::string& url);
  /// The manifest is not complete any more: the next reading decides anew.
  Result<void> reopen_manifest();
  /// The manifest names the file no longer: it does not count.
  Result<void> drop_file(std::size_t index);
  Result<void> set_manifest(const ManifestHead& head, const ManifestRemarks& remarks,
                            bool is_whole);
  Result<void> note_begin(std::size_t index, const FileValidator& validator, std::uint64_t offset);
  Result<void> note_bytes(std::size_t index, std::uint64_t bytes);
  Result<void> note_done(std::size_t index, const FileSummary& summary);
  Result<void> note_attachment(const std::string& key, const FetchedAttachment& attachment);
  /// Records the remaining results; fetched attachments are recorded already.
  Result<void> note_attachments_fetched(const AttachmentState& attachments);
  Result<void> note_attachments_written();
  Result<void> finish_round();
  /// The target has all of a round, except `refused` resources.
  Result<void> note_delivered(std::uint64_t round_number, std::uint64_t refused);
  Result<void> set_source(const std::string& name);
  /// A record of the local copy: {"e":"sync", ...}.
  Result<void> note_sync(boost::json::object record);

 private:
  explicit PullState(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> apply(const boost::json::object& record, std::uint64_t at);
  void forget_files(const boost::json::object& record);
  Result<void> write(boost::json::object record, Durability durability);
  std::string stem_of(FileKind kind, const std::string& type) const;

  const std::filesystem::path folder_;
  std::unique_ptr<Journal> journal_;
  std::mutex mutex_;  // a record and the state that it makes
  std::vector<Round> rounds_;
  std::map<std::string, unsigned> names_;  // how many files of a kind and type there are
  std::vector<boost::json::object> sync_records_;
  std::string source_;
  std::string boot_;
  bool same_boot_ = true;
};

}  // namespace sluice::client

// The store as everyone above sees it: transactions, versions, as-of ranges, the change log and
// small documents. docs/formats.md has the bytes. Apart from store/rocksdb so that another back end
// can take its place; one contract suite runs on each.
//
// Thread-safe: any number of threads read and write at once. Writes are ordered by the store.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_reader.h"
#include "fhir/resource_type.h"
#include "store/membership.h"

namespace sluice::store {

/// The number of a transaction: 1, 2, 3 ... An as-of read names one; 0 is the empty store.
struct Sequence {
  std::uint64_t value = 0;
  friend auto operator<=>(const Sequence&, const Sequence&) = default;
};

/// A committed transaction. Instants never decrease with sequences, also across restarts and when
/// the wall clock goes back; several commits may share one (see Transaction::seals_instant).
struct Commit {
  Sequence sequence;
  Instant instant;
};

/// Commits have the clock's instants; if the clock goes back, they continue at the newest instant.
/// The operator is warned when that is more than this ahead of the clock.
inline constexpr std::chrono::milliseconds kAheadOfClockMax = std::chrono::minutes(1);

// ---- writing ----

/// What to do with a resource that already exists with other content.
enum class OnDifferent : std::uint8_t {
  kReplace,  ///< write a new version
  kLeave,    ///< write nothing and report PutStatus::kDiffers
};

enum class PutStatus : std::uint8_t {
  kCreated,    ///< there was none, or it had been deleted
  kUpdated,    ///< a new version
  kUnchanged,  ///< it exists with the same content: no new version, no new lastUpdated
  kDiffers,    ///< there with other content and OnDifferent::kLeave
  kDeleted,    ///< for a removal: it existed
  kAbsent,     ///< for a removal: it was not there
};

struct PutOutcome {
  PutStatus status = PutStatus::kCreated;
  std::uint32_t version = 0;  ///< the current version after the transaction; 0 for kAbsent
};

/// The small records of jobs and others. Keys are printable text such as "job/1f.../shard/0001".
struct DocumentWrite {
  std::string key;
  std::optional<std::string> value;  ///< nullopt deletes
};

/// What must be so before a transaction, else nothing of it is done.
struct Precondition {
  fhir::ResourceId key;
  std::uint32_t version = 0;  ///< the current one; 0: there is none, or it is deleted
};

/// That no resource of these types was written or removed after a sequence: what a transaction
/// makes a condition when it rests on a search as of that sequence. The change log is read from
/// there while other writers wait, so let the sequence be a recent one.
struct Unchanged {
  Sequence since;
  std::vector<fhir::ResourceType> types;  ///< with an owner, none mean all
  /// Only what is in this patient's compartment now, or was when it was removed. What has left it
  /// otherwise does not count: let a Precondition look after that.
  std::optional<std::string> owner = std::nullopt;
};

struct WriteOutcome {
  Commit commit;
  std::vector<PutOutcome> puts;      ///< one for each of Transaction::puts, in order
  std::vector<PutOutcome> removals;  ///< one for each of Transaction::removals
};

/// One transaction: everything in it becomes visible and durable together, or nothing does. When
/// two writes name one resource, the later counts and the earlier reports the outcome of being
/// replaced.
struct Transaction {
  std::vector<const fhir::IncomingResource*> puts;  ///< not owned; must outlive write()
  std::vector<fhir::ResourceId> removals;           ///< applied after the puts
  std::vector<DocumentWrite> documents;
  /// Checked atomically with the write, against the state before the transaction: kConflict names
  /// the resource whose condition does not hold.
  std::vector<Precondition> preconditions = {};
  /// Checked in the same way: kConflict names the type that was changed.
  std::vector<Unchanged> unchanged = {};
  OnDifferent on_different = OnDifferent::kReplace;
  /// The commit has its instant alone: every commit before it has an earlier one, every later one a
  /// later. Waits for the clock's next millisecond where that is near, and so does the write after
  /// it, rather than run ahead.
  bool seals_instant = false;
  /// Wait until the write-ahead log is on disk. Without it a crash may lose the transaction (and
  /// all after it), but never a part of one.
  bool durable = true;
  /// Returns further documents of the same transaction, made from its outcome. Called once, when
  /// the outcome is known but not committed, while other writers wait: must be quick and must not
  /// call the store. The commit may still fail afterwards.
  std::function<std::vector<DocumentWrite>(const WriteOutcome&)> documents_of = {};
};

// ---- reading ----

/// A resource as of a sequence. Views end with the next call on the Scan they came from.
struct RecordView {
  fhir::ResourceType type;
  std::string_view owner;  ///< owner of the compartment range of this record; empty for none
  std::string_view id;
  Sequence sequence;
  Instant last_updated;
  std::uint32_t version = 0;
  /// A resource in several compartments is stored with its first owner and linked from the others.
  /// For a link, `json` and `supporting` are empty.
  bool is_link = false;
  /// Every owner, the one that stores it first, as a list of length-prefixed ids (see owners_of).
  std::string_view owners;
  /// References to supporting resources, encoded; see SupportingReferences.
  std::string_view supporting;
  std::string_view json;        ///< the exported line, without line break
  bool may_name_binary = true;  ///< false: the text "Binary" is not in `json`
};

/// Walks the encoded owners of a record.
class OwnerList {
 public:
  explicit OwnerList(std::string_view encoded) : rest_(encoded) {}
  /// The next owner's id, or nullopt at the end.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

/// Walks the encoded supporting references of a record.
class SupportingReferences {
 public:
  struct Item {
    fhir::ResourceType type;
    std::string_view id;
    std::string_view encoded;  ///< type and id as bytes: the same for the same target everywhere
  };
  explicit SupportingReferences(std::string_view encoded) : rest_(encoded) {}
  std::optional<Item> next();

 private:
  std::string_view rest_;
};

/// A resource by value.
struct Record {
  fhir::ResourceId key;
  std::string owner;
  Sequence sequence;
  Instant last_updated;
  std::uint32_t version = 0;
  std::string owners;      ///< encoded as in RecordView
  std::string supporting;  ///< encoded as in RecordView
  std::string json;
  bool may_name_binary = true;  ///< as in RecordView
};

/// One of the versions of a resource. A deletion is one too.
struct Version {
  Sequence sequence;
  Instant instant;
  std::uint32_t version = 0;
  bool deleted = false;
  std::string json = {};  ///< empty for a deletion
  /// It was the first, or came after a deletion; false also where what came before is not known any
  /// more.
  bool created = false;
  Sequence superseded = {};  ///< by which transaction; 0: it is the current one, or not known
};

/// A part of one type's records in the order of (owner, id). Positions are opaque bytes made by the
/// functions below; `to` is exclusive, empty means the end of the type.
struct KeyRange {
  fhir::ResourceType type;
  std::string from;
  std::string to;
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};
/// All records of a type.
KeyRange whole_type(fhir::ResourceType type);
/// Records that are in no patient's compartment.
KeyRange without_owner(fhir::ResourceType type);
/// Records (and links) in some patient's compartment.
KeyRange with_owner(fhir::ResourceType type);
/// Records and links of one patient.
KeyRange of_owner(fhir::ResourceType type, std::string_view owner);
/// All records of a type after the record of `owner` (empty for none) and `id`, whether that exists
/// or not.
KeyRange behind(fhir::ResourceType type, std::string_view owner, std::string_view id);

/// Reads a range in order, as of one sequence, from a consistent view taken when the scan was made.
/// One thread at a time.
class Scan {
 public:
  virtual ~Scan() = default;
  /// Moves to the next record that exists as of the sequence; false at the end of the range.
  virtual Result<bool> next(RecordView& record) = 0;
  /// Goes to the first record of `owner` or after, within the range; forwards or backwards.
  virtual void seek_owner(std::string_view owner) = 0;
};

enum class ChangeKind : std::uint8_t { kPut = 1, kRemove = 2 };

/// One entry of the change log. A change of owner is one kPut.
struct Change {
  Sequence sequence;
  fhir::ResourceType type;
  ChangeKind kind = ChangeKind::kPut;
  std::string_view owner;  ///< the storing owner
  std::string_view id;
  /// The owners that it had and no longer has, as a list like RecordView::owners. kRemove: all;
  /// kPut: all owners before, if they changed, else empty (see former_owners_from()).
  std::string_view owners = {};
  std::uint32_t number = 0;  ///< its place within the transaction; set by reading only
};

/// A place between two entries of the change log: before that one of a transaction.
struct ChangeCursor {
  Sequence sequence;
  std::uint32_t number = 0;
  friend auto operator<=>(const ChangeCursor&, const ChangeCursor&) = default;
};

/// Reads the change log in one of its two directions. One thread at a time.
class ChangeScan {
 public:
  virtual ~ChangeScan() = default;
  virtual Result<bool> next(Change& change) = 0;
};

/// Finds the Provenances of one resource after the other, in a consistent view taken when it was
/// made. One thread at a time.
class ProvenanceFinder {
 public:
  virtual ~ProvenanceFinder() = default;
  /// Adds the ids of the Provenances that name a resource among their targets as of the sequence,
  /// and perhaps of some that do not: in another version, or by a URL of another server. The caller
  /// must read them to decide.
  virtual Result<void> find(fhir::ResourceType type, std::string_view id,
                            std::vector<std::string>& found) = 0;
};

struct TypeStatistics {
  fhir::ResourceType type;
  std::uint64_t resources = 0;  ///< current ones, without deleted
  std::uint64_t bytes = 0;      ///< of their exported lines, with one line break each
};

struct Document {
  std::string key;
  std::string value;
};

class Store {
 public:
  virtual ~Store() = default;

  /// Commits one transaction. An empty one is a commit of its own; one that seals its instant is
  /// how a job gets its snapshot (M-01): what has a later instant was not in it, what has an
  /// earlier was.
  virtual Result<WriteOutcome> write(const Transaction& transaction) = 0;

  /// The newest commit.
  virtual Commit last_commit() const = 0;
  /// The newest commit whose instant is at most `instant`; {0, 0} when there is none. More may
  /// still be committed at the current instant.
  virtual Result<Commit> commit_at(Instant instant) const = 0;
  /// The commit with that number; nullopt when there is none yet.
  virtual Result<std::optional<Commit>> commit_of(Sequence sequence) const = 0;

  /// The resource as of a sequence; nullopt when it did not exist or was deleted.
  virtual Result<std::optional<Record>> read(const fhir::ResourceId& key, Sequence as_of) const = 0;
  /// The same; faster if the resource is still in the compartment of `owner` (empty: none), as a
  /// Change states.
  virtual Result<std::optional<Record>> read_of(std::string_view owner, const fhir::ResourceId& key,
                                                Sequence as_of) const {
    (void)owner;
    return read(key, as_of);
  }
  /// The versions of a resource that are still kept, newest first: at most `limit` of those below
  /// the version `before`. The newest is always kept, also when it is a deletion; older ones until
  /// a compaction after the history horizon has passed them.
  virtual Result<std::vector<Version>> versions(const fhir::ResourceId& key, std::uint32_t before,
                                                std::size_t limit) const = 0;
  /// Every owner of the resource as of a sequence, encoded as in RecordView; nullopt when it did
  /// not exist. Reads no resource, except one that changed after the sequence.
  virtual Result<std::optional<std::string>> owners(const fhir::ResourceId& key,
                                                    Sequence as_of) const = 0;
  /// Which of `keys` exist as of a sequence, in order; no resource is read.
  virtual Result<std::vector<bool>> exist(fhir::ResourceType type,
                                          const std::vector<std::string>& ids,
                                          Sequence as_of) const = 0;
  virtual Result<std::unique_ptr<Scan>> scan(const KeyRange& range, Sequence as_of) const = 0;

  /// Entries with `after` < sequence <= `up_to`.
  virtual Result<std::unique_ptr<ChangeScan>> changes(Sequence after, Sequence up_to) const = 0;
  /// Like changes(), but with entries that the caller may not see: for callers that only read each
  /// resource again and reveal nothing of the entries.
  virtual Result<std::unique_ptr<ChangeScan>> changes_with_hidden(Sequence after,
                                                                  Sequence up_to) const {
    return changes(after, up_to);
  }
  /// The same entries from the newest to the oldest: those before a place and with `after` <
  /// sequence.
  virtual Result<std::unique_ptr<ChangeScan>> changes_newest_first(ChangeCursor before,
                                                                   Sequence after) const = 0;
  /// The version that a change made, or the deletion; nullopt when it is not kept any more, as in
  /// versions(). `change` may be a copy; only its views must live.
  virtual Result<std::optional<Version>> version_of(const Change& change) const = 0;
  /// Entries of the change log from this sequence on have former owners; earlier entries, written
  /// by an earlier version of the program, only those of removals.
  virtual Sequence former_owners_from() const { return {}; }
  /// How many entries changes() would return. Exact, in constant time.
  virtual Result<std::uint64_t> change_count(Sequence after, Sequence up_to) const = 0;

  /// The members of one type that a Group states as of a sequence (G-02), with any period; none
  /// when there is no such Group. `type` as in Member.
  virtual Result<std::unique_ptr<MemberScan>> members(std::string_view group_id,
                                                      fhir::ResourceType type,
                                                      Sequence as_of) const = 0;

  virtual std::unique_ptr<ProvenanceFinder> provenance_finder(Sequence as_of) const = 0;

  /// At most `limit` of the resources whose newest version names a Binary in an Attachment, by any
  /// URL, ordered by type and id. The caller must read them to check that the Binary is this
  /// server's.
  virtual Result<std::vector<fhir::ResourceId>> attached_to(std::string_view binary_id,
                                                            std::size_t limit) const = 0;

  /// About how many bytes of exported lines a range holds, all versions counted once; for planning.
  virtual Result<std::uint64_t> approximate_size(const KeyRange& range) const = 0;
  /// Cuts a range into parts of about `part_size` bytes each, in order, which together are the
  /// range. At least one part.
  virtual Result<std::vector<KeyRange>> split(const KeyRange& range,
                                              std::uint64_t part_size) const = 0;
  /// By type, ordered by type; only types that hold or held something. Current, exact.
  virtual Result<std::vector<TypeStatistics>> statistics() const = 0;

  virtual Result<std::optional<std::string>> document(std::string_view key) const = 0;
  /// At most `limit` documents whose key starts with `prefix` and is greater than `after` (empty:
  /// from the first), ordered by key.
  virtual Result<std::vector<Document>> documents(std::string_view prefix, std::string_view after,
                                                  std::size_t limit) const = 0;

  /// Keeps reads as of `oldest` and later possible; compaction may drop versions and tombstones
  /// that only older reads need. An older sequence than before changes nothing, also after the
  /// store was opened anew. Durable when it returns; unchanged when the disk does not take it.
  virtual void set_history_horizon(Sequence oldest) = 0;
  /// The retention watermark: reads as of this sequence and later find everything. It moves, so a
  /// caller that reads as of an older sequence must check it again after reading.
  virtual Sequence history_horizon() const = 0;
  /// Compacts everything now: drops what the horizon allows. For tests, the operator and
  /// benchmarks.
  virtual Result<void> compact() = 0;
  /// Bytes on disk.
  virtual Result<std::uint64_t> size_on_disk() const = 0;
};

}  // namespace sluice::store

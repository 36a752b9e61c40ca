#include "store/rocksdb/member_rows.h"

#include <chrono>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "fhir/group_members.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

constexpr std::size_t kReadahead = 1u << 20;

Member member_of(const MemberRow& row) {
  Member member;
  member.type.code = read_be16(row.member.data());
  member.id = row.member.substr(2);
  member.stated = row.stated;
  if (row.since != fhir::kSinceEver) member.since = row.since;
  member.periods = row.periods;
  return member;
}

/// The rows below a prefix, in order.
class RowReader {
 public:
  RowReader(const Database& database, std::string_view group_id, std::string begin, std::string end)
      : group_id_(group_id), end_(std::move(end)), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    options.readahead_size = kReadahead;
    options.fill_cache = false;
    iterator_.reset(database.db().NewIterator(options, database.members));
    iterator_->Seek(begin);
  }
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  /// The next row that was valid at `as_of`; false at the end. Views end with the next call.
  Result<bool> next(Sequence as_of, MemberRow& row) {
    if (started_ && iterator_->Valid()) iterator_->Next();
    started_ = true;
    for (; iterator_->Valid(); iterator_->Next()) {
      if (!parse_member_row(group_id_, to_view(iterator_->key()), to_view(iterator_->value()), row))
        return corrupt_value("member");
      if (row.stated_sequence <= as_of && row.superseded > as_of) return true;
    }
    if (!iterator_->status().ok()) return read_error(iterator_->status());
    return false;
  }

  void seek(std::string_view key) {
    iterator_->Seek(key);
    started_ = false;
  }

 private:
  const std::string group_id_;
  const std::string end_;
  const rocksdb::Slice end_slice_;  // the iterator keeps a pointer to it
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool started_ = false;
};

class RowScan final : public MemberScan {
 public:
  RowScan(const Database& database, std::string_view group_id, fhir::ResourceType type,
          Sequence as_of)
      : as_of_(as_of),
        prefix_(member_prefix(group_id, type)),
        rows_(database, group_id, prefix_,
              member_prefix(group_id, {static_cast<std::uint16_t>(type.code + 1)})) {}

  Result<bool> next(Member& member) override {
    MemberRow row;
    SLUICE_ASSIGN_OR_RETURN(const bool more, rows_.next(as_of_, row));
    if (more) member = member_of(row);
    return more;
  }

  void seek(std::string_view id) override { rows_.seek(prefix_ + std::string(id)); }

 private:
  const Sequence as_of_;
  const std::string prefix_;
  RowReader rows_;
};

class Update {
 public:
  Update(const Commit& commit, std::string_view group_id, rocksdb::ColumnFamilyHandle* family,
         rocksdb::WriteBatch& batch)
      : commit_(commit), group_id_(group_id), family_(family), batch_(batch) {}

  void leave(const MemberRow& old) {
    MemberRow row = old;
    row.superseded = commit_.sequence;
    put(row);
  }

  void join(const fhir::EncodedMember& entry, const MemberRow* old) {
    MemberRow row;
    row.member = entry.key;
    row.stated_sequence = commit_.sequence;
    row.superseded = kNeverSuperseded;
    row.stated = commit_.instant;
    row.since = fhir::kSinceEver;
    row.periods = entry.periods;
    if (fhir::MemberPeriods(entry.periods).at(commit_.instant)) {
      row.since = commit_.instant;
      // Who was a member until this very commit did not join with it.
      if (old != nullptr) {
        const Member before = member_of(*old);
        const auto since =
            before.stated < commit_.instant
                ? before.member_since(commit_.instant + std::chrono::milliseconds(-1))
                : before.since;  // stated by a commit of this very instant
        if (since) row.since = *since;
      }
    }
    put(row);
  }

 private:
  void put(const MemberRow& row) {
    key_.clear();
    append_member_key(key_, group_id_, row.member, row.stated_sequence);
    value_.clear();
    append_member_value(value_, row);
    // Into a batch without limits everything goes; its Status says nothing.
    batch_.Put(family_, key_, value_).PermitUncheckedError();
  }

  const Commit& commit_;
  const std::string_view group_id_;
  rocksdb::ColumnFamilyHandle* const family_;
  rocksdb::WriteBatch& batch_;
  std::string key_;
  std::string value_;
};

}  // namespace

Result<void> update_members(const Database& database, const Commit& commit,
                            std::string_view group_id, std::string_view members,
                            rocksdb::WriteBatch& batch) {
  // Both sides are sorted by member: one pass tells who is only here, only there, or in both.
  RowReader rows(database, group_id, members_of_group(group_id, false),
                 members_of_group(group_id, true));
  Update update(commit, group_id, database.members, batch);
  fhir::EncodedMembers entries(members);
  auto entry = entries.next();
  MemberRow old;
  // What is valid at the sequence before this commit is what the commit finds.
  const Sequence before{commit.sequence.value - 1};
  SLUICE_ASSIGN_OR_RETURN(bool has_old, rows.next(before, old));
  while (has_old || entry) {
    const int order = !entry ? -1 : !has_old ? 1 : old.member.compare(entry->key);
    if (order < 0) {
      update.leave(old);
    } else if (order > 0) {
      update.join(*entry, nullptr);
    } else if (old.periods != entry->periods) {
      update.leave(old);
      update.join(*entry, &old);
    }
    if (order >= 0) entry = entries.next();
    if (order <= 0) {
      SLUICE_ASSIGN_OR_RETURN(has_old, rows.next(before, old));
    }
  }
  return {};
}

std::unique_ptr<MemberScan> make_member_scan(const Database& database, std::string_view group_id,
                                             fhir::ResourceType type, Sequence as_of) {
  return std::make_unique<RowScan>(database, group_id, type, as_of);
}

}  // namespace sluice::store

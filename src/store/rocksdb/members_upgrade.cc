#include "store/rocksdb/members_upgrade.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "fhir/group_members.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "store/rocksdb/member_rows.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/upgrade_walk.h"

namespace sluice::store {
namespace {

// What the store holds went through the reader, so this is no limit but a promise.
constexpr std::size_t kDepthMax = 1000;

/// Something that happened to a Group.
struct Event {
  std::string id;
  Sequence sequence;
  std::string key;  ///< of the version in `history` or `current`; empty: removed
  bool in_history = false;
};

class Upgrade {
 public:
  explicit Upgrade(const Database& database) : database_(database) {}

  Result<void> run() {
    auto& db = database_.db();
    // What a first try may have left.
    const auto cleared =
        db.DeleteRange(rocksdb::WriteOptions(), database_.members, std::string(1, '\0'), "~");
    if (!cleared.ok()) return write_error(cleared);
    SLUICE_RETURN_IF_ERROR(find_current());
    SLUICE_RETURN_IF_ERROR(find_history());
    // A version that ended when the next one began was not removed: of the two the version counts.
    const auto order = [](const Event& event) {
      return std::tuple(std::string_view(event.id), event.sequence, event.key.empty());
    };
    std::sort(events_.begin(), events_.end(),
              [&](const Event& a, const Event& b) { return order(a) < order(b); });
    events_.erase(std::unique(events_.begin(), events_.end(),
                              [](const Event& a, const Event& b) {
                                return a.id == b.id && a.sequence == b.sequence;
                              }),
                  events_.end());
    for (const auto& event : events_) SLUICE_RETURN_IF_ERROR(replay(event));
    return {};
  }

 private:
  Result<void> find_current() {
    return each_row(database_, database_.current, whole_type(fhir::types::kGroup),
                    [&](std::string_view whole, std::string_view value) -> Result<void> {
                      RecordKey key;
                      ParsedRecord record;
                      if (!parse_record_key(whole, key) || !parse_record(value, record))
                        return corrupt_value("record");
                      Event event{std::string(key.id), {record.header.sequence}, {}, false};
                      if (record.header.kind == RecordKind::kResource) event.key = whole;
                      events_.push_back(std::move(event));
                      return {};
                    });
  }

  // Each version, and the moment it ended: a removal, unless the next version began then.
  Result<void> find_history() {
    return each_row(
        database_, database_.history, whole_type(fhir::types::kGroup),
        [&](std::string_view whole, std::string_view value) -> Result<void> {
          constexpr std::size_t kSequenceSize = sizeof(std::uint64_t);
          const auto superseded = read_superseded(value);
          RecordKey key;
          if (!superseded || whole.size() < kSequenceSize + 1 ||
              !parse_record_key(whole.substr(0, whole.size() - kSequenceSize - 1), key))
            return corrupt_value("history");
          const Sequence sequence{~read_be64(whole.data() + whole.size() - kSequenceSize)};
          events_.push_back({std::string(key.id), sequence, std::string(whole), true});
          events_.push_back({std::string(key.id), *superseded, {}, false});
          return {};
        });
  }

  Result<void> replay(const Event& event) {
    std::string members;
    Commit commit{event.sequence, {}};
    if (event.key.empty()) {
      rocksdb::PinnableSlice value;
      const auto status = database_.db().Get(rocksdb::ReadOptions(), database_.transactions,
                                             transaction_key(event.sequence), &value);
      TransactionEntry entry;
      if (!status.ok()) return read_error(status);
      if (!parse_transaction(to_view(value), entry)) return corrupt_value("transaction");
      commit.instant = entry.instant;
    } else {
      SLUICE_RETURN_IF_ERROR(read_version(event, members, commit.instant));
    }
    rocksdb::WriteBatch batch;
    SLUICE_RETURN_IF_ERROR(update_members(database_, commit, event.id, members, batch));
    const auto status = database_.db().Write(rocksdb::WriteOptions(), &batch);
    if (!status.ok()) return write_error(status);
    return {};
  }

  Result<void> read_version(const Event& event, std::string& members, Instant& instant) {
    rocksdb::PinnableSlice value;
    const auto status = database_.db().Get(rocksdb::ReadOptions(),
                                           event.in_history ? database_.history : database_.current,
                                           event.key, &value);
    if (!status.ok()) return read_error(status);
    ParsedRecord record;
    if (!parse_record(to_view(value).substr(event.in_history ? kSupersededSize : 0), record))
      return corrupt_value("record");
    instant.milliseconds = record.header.instant;
    std::string unpacked;
    SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, unpacked));
    SLUICE_RETURN_IF_ERROR(tokens_.read(line));
    SLUICE_RETURN_IF_ERROR(fhir::check_json_object(tokens_, kDepthMax));
    members = fhir::encode_members(tokens_, {});
    return {};
  }

  const Database& database_;
  std::vector<Event> events_;
  fhir::JsonTokens tokens_;
};

}  // namespace

Result<void> remember_members_of_all_groups(const Database& database) {
  return Upgrade(database).run();
}

}  // namespace sluice::store

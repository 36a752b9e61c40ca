#include "bulk/export/answer/table_answer.h"

#include <fmt/format.h>

#include <utility>

#include "bulk/export/plan/export_plan.h"
#include "bulk/export/shard/record_filter.h"
#include "bulk/export/shard/record_sources.h"
#include "bulk/table/table_maker.h"
#include "table/table_sink.h"

namespace sluice::bulk {
namespace {

using SteadyClock = std::chrono::steady_clock;

// What is read for one part, about, when little of it comes to rows; else the rows end it.
constexpr std::uint64_t kPartSize = 64u << 20;
constexpr std::size_t kEnough = 256u << 10;
// Fewer patients than these are looked up in one part.
constexpr std::size_t kFewPatients = 200;
// In how many parts the change log is read at most: each reads all of it.
constexpr std::size_t kChangeParts = 8;

/// Passes so many rows, then asks to stop.
class LimitedSink final : public table::TableSink {
 public:
  LimitedSink(std::unique_ptr<table::TableSink> sink, std::optional<std::uint64_t> rows_max,
              bool& is_full)
      : sink_(std::move(sink)), rows_max_(rows_max), is_full_(is_full) {}

  Result<void> add(table::Row row) override {
    if (rows_max_ && rows_ == *rows_max_) {
      is_full_ = true;
      return Error{ErrorKind::kCancelled, "the table has as many rows as were asked for"};
    }
    ++rows_;
    return sink_->add(row);
  }
  Result<void> finish() override { return sink_->finish(); }

 private:
  const std::unique_ptr<table::TableSink> sink_;
  const std::optional<std::uint64_t> rows_max_;
  bool& is_full_;
  std::uint64_t rows_ = 0;
};

class Answer : public TableAnswer {
 public:
  explicit Answer(const TableAnswerLimits& limits) : limits_(limits), left_(limits.work_max) {}

  Result<void> begin(const TablesRequest& tables, const table::View& view) {
    const auto output = [this](std::string_view bytes) -> Result<void> {
      if (out_->size() + bytes.size() > limits_.part_max)
        return Error{ErrorKind::kTooLarge,
                     "the table grows too fast to be sent at once: use $sql-export"};
      out_->append(bytes);
      return {};
    };
    std::string head;
    out_ = &head;
    SLUICE_ASSIGN_OR_RETURN(auto sink, table::make_sink(tables.format, view.columns(), output,
                                                        {.csv_header = tables.csv_header}));
    head_ = std::move(head);
    maker_.add(view, std::make_unique<LimitedSink>(std::move(sink), limits_.rows_max, is_full_));
    return {};
  }

  Result<bool> next(std::string& out) override {
    out_ = &out;
    begin_ = out.size();
    if (!head_.empty()) out += std::exchange(head_, {});
    std::stop_source stop;
    stop_ = &stop;
    until_ = SteadyClock::now() + left_;
    SLUICE_RETURN_IF_ERROR(look());
    auto more = next_part();
    left_ = until_ - SteadyClock::now();
    if (!more && more.error().kind == ErrorKind::kCancelled && is_full_)
      more = false;
    else if (!more && more.error().kind == ErrorKind::kCancelled && left_ <= left_.zero())
      return out_of_time();
    if (!more || *more) return more;
    SLUICE_RETURN_IF_ERROR(maker_.finish());
    return false;
  }

  std::uint64_t rows() const override { return maker_.counts().rows; }

 protected:
  /// Reads a part; false when there is none.
  virtual Result<bool> next_part() = 0;

  Result<void> look() {
    if (limits_.stop.stop_requested())
      return Error{ErrorKind::kCancelled, "the server stops", {}, std::chrono::seconds(1)};
    if (SteadyClock::now() > until_) return out_of_time();
    return {};
  }
  Error out_of_time() const {
    return {ErrorKind::kTimeout,
            "the table takes too long: limit it by patient, group, _since or _limit, or use "
            "$sql-export"};
  }

  /// Whether the part at hand has come to enough bytes.
  bool has_enough() const { return out_->size() - begin_ >= kEnough; }
  TableMaker& maker() { return maker_; }
  std::stop_source& stop() { return *stop_; }

 private:
  const TableAnswerLimits limits_;
  TableMaker maker_;
  bool is_full_ = false;
  std::string head_;  // what the sink wrote before the first part
  std::string* out_ = nullptr;
  std::size_t begin_ = 0;             // of the part at hand, in out_
  std::stop_source* stop_ = nullptr;  // of the part at hand
  SteadyClock::duration left_;
  SteadyClock::time_point until_;
};

class GivenAnswer final : public Answer {
 public:
  GivenAnswer(std::vector<std::string> resources, const TableAnswerLimits& limits)
      : Answer(limits), resources_(std::move(resources)) {}

 private:
  Result<bool> next_part() override {
    if (at_ == resources_.size()) return false;
    SLUICE_RETURN_IF_ERROR(
        maker().take(resources_[at_], {.path = fmt::format("resource[{}]", at_)}));
    return ++at_ < resources_.size();
  }

  const std::vector<std::string> resources_;
  std::size_t at_ = 0;
};

class StoreAnswer final : public Answer {
 public:
  StoreAnswer(const store::Store& store, output::FileStore& files,
              std::shared_ptr<const PreparedExport> prepared, const TableAnswerLimits& limits)
      : Answer(limits),
        store_(store),
        files_(files),
        prepared_(std::move(prepared)),
        scope_(*prepared_) {}

  // As an export does, but in parts that are small enough to be held.
  Result<void> plan() {
    const ExportSizes sizes{
        .shard_size = kPartSize, .shard_size_min = kPartSize, .workers = kChangeParts};
    SLUICE_ASSIGN_OR_RETURN(const auto shards, plan_export(store_, *prepared_, sizes));
    for (const auto& shard : shards) {
      SLUICE_ASSIGN_OR_RETURN(const auto spec, parse_shard_spec(shard.spec));
      for (const auto& segment : spec.segments) SLUICE_RETURN_IF_ERROR(add(segment));
    }
    return {};
  }

 private:
  /// Gives the records of a source that belong to the answer to the view.
  class Visitor final : public RecordVisitor {
   public:
    Visitor(StoreAnswer& answer, RecordFilter& filter, bool may_stop)
        : answer_(answer), filter_(filter), may_stop_(may_stop) {}

    Result<void> visit(const store::RecordView& record, AgeRule age) override {
      SLUICE_ASSIGN_OR_RETURN(const bool passes, filter_.passes(record, age));
      if (!passes) return {};
      SLUICE_RETURN_IF_ERROR(
          answer_.maker().take(record.json, {.path = fhir::type_name(record.type)}));
      if (!may_stop_ || !answer_.has_enough() || may_be_of_link(record)) return {};
      rest_ = store::behind(record.type, record.owner, record.id).from;
      return Error{ErrorKind::kCancelled, "the part has enough"};
    }
    /// Where the source goes on when it was stopped.
    const std::optional<std::string>& rest() const { return rest_; }

   private:
    // A resource of several patients is met in other places than its own, too.
    static bool may_be_of_link(const store::RecordView& record) {
      store::OwnerList owners(record.owners);
      return owners.next() && owners.next();
    }

    StoreAnswer& answer_;
    RecordFilter& filter_;
    const bool may_stop_;
    std::optional<std::string> rest_;
  };

  // Whether a source reads its range in order, so that it can begin behind any record of it.
  static bool reads_in_order(ReadMode mode) {
    return mode == ReadMode::kScan || mode == ReadMode::kSeek || mode == ReadMode::kNewMembers ||
           mode == ReadMode::kFilteredPatients;
  }

  Result<void> add(const Segment& segment) {
    const bool is_long =
        segment.mode == ReadMode::kSeek && prepared_->patient_set->size() > kFewPatients;
    if (!is_long) {
      segments_.push_back(segment);
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(const auto ranges, store_.split(segment.range, kPartSize));
    for (const auto& range : ranges) {
      segments_.push_back(segment);
      segments_.back().range = range;
    }
    return {};
  }

  Result<bool> next_part() override {
    if (at_ == segments_.size()) return false;
    const std::string id;
    const ShardInputs inputs;
    const job::ShardContext context{.stop = stop().get_token(),
                                    .add_progress = [this](std::uint64_t) {
                                      if (!look()) stop().request_stop();
                                    }};
    ShardProgress progress(context);
    const SourceContext sources{store_, files_, id, id, *prepared_, scope_, inputs, progress};
    RecordFilter filter(*prepared_, scope_, false, progress);
    Segment& segment = segments_[at_];
    Visitor visitor(*this, filter, reads_in_order(segment.mode));
    SLUICE_ASSIGN_OR_RETURN(const auto source, make_source(sources, {&segment, 1}));
    auto read = source->read(visitor);
    if (!read && !visitor.rest()) return read.error();
    // What was read is whole only if its history has been kept until now.
    if (store_.history_horizon() > prepared_->snapshot.sequence)
      return Error{ErrorKind::kGone, "the state that the table shows is kept no longer: run again"};
    if (visitor.rest()) {
      segment.range.from = *visitor.rest();
      return true;
    }
    return ++at_ < segments_.size();
  }

  const store::Store& store_;
  output::FileStore& files_;
  const std::shared_ptr<const PreparedExport> prepared_;
  const ExportScope scope_;
  std::vector<Segment> segments_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::unique_ptr<TableAnswer>> TableAnswer::open(
    const store::Store& store, output::FileStore& files,
    std::shared_ptr<const PreparedExport> prepared, const TableAnswerLimits& limits) {
  auto answer = std::make_unique<StoreAnswer>(store, files, prepared, limits);
  SLUICE_RETURN_IF_ERROR(answer->begin(*prepared->request.tables, prepared->views.front()));
  SLUICE_RETURN_IF_ERROR(answer->plan());
  return std::unique_ptr<TableAnswer>(std::move(answer));
}

Result<std::unique_ptr<TableAnswer>> TableAnswer::open(std::vector<std::string> resources,
                                                       const TablesRequest& tables,
                                                       const table::View& view,
                                                       const TableAnswerLimits& limits) {
  auto answer = std::make_unique<GivenAnswer>(std::move(resources), limits);
  SLUICE_RETURN_IF_ERROR(answer->begin(tables, view));
  return std::unique_ptr<TableAnswer>(std::move(answer));
}

}  // namespace sluice::bulk

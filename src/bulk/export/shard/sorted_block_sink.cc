#include "bulk/export/shard/sorted_block_sink.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <optional>
#include <string>

#include "bulk/export/shard/block_finder.h"
#include "bulk/export/shard/merged_lines.h"
#include "bulk/export/shard/sorted_runs.h"

namespace sluice::bulk {
namespace {

// Between the fields of a line. Smaller than any character of an id, so that blocks, and resources
// within a block, come in the order of their ids.
constexpr char kTab = '\t';

class SortedBlockSink final : public RecordSink {
 public:
  explicit SortedBlockSink(const SinkContext& context)
      :  // With a minimal file size only the last file may be smaller.
        one_part_(context.request.file_size_min.has_value()),
        finder_(context.request),
        runs_(context.files.store(), context.files.job_id(), std::string(kBlockRuns),
              context.files.stem()) {}

  Result<void> append(const OutputRecord& record) override {
    SLUICE_ASSIGN_OR_RETURN(const auto* const instances,
                            finder_.find(record.type, record.id, record.resource));
    const bool is_organizer = record.type == finder_.organizer();
    for (const auto& instance : *instances) {
      text_.clear();
      // The resource itself comes first in its block.
      fmt::format_to(std::back_inserter(text_), "{}{}{}{}{}{}{}{}", instance, kTab,
                     is_organizer && instance == record.id ? '0' : '1', kTab,
                     fhir::type_name(record.type), kTab, record.id, kTab);
      text_ += record.line;
      SLUICE_RETURN_IF_ERROR(runs_.add(one_part_ ? 0 : run_part(instance), text_));
    }
    return {};
  }

  Result<void> finish() override { return runs_.finish(); }
  std::vector<RunFile> take_runs() override { return runs_.take_files(); }

 private:
  const bool one_part_;
  BlockFinder finder_;
  RunWriter runs_;
  std::string text_;
};

}  // namespace

std::unique_ptr<RecordSink> make_sorted_block_sink(const SinkContext& context) {
  return std::make_unique<SortedBlockSink>(context);
}

namespace {

/// A line of a run, taken apart.
struct BlockLine {
  std::string_view instance;  // id of the resource whose block it is
  fhir::ResourceType type;
  std::string_view id;
  std::string_view resource;  // the line that goes out
};

// nullopt when it is not what the sink made.
std::optional<BlockLine> parse_block_line(std::string_view line) {
  std::array<std::string_view, 4> fields;  // instance, place, type, id
  for (auto& field : fields) {
    const std::size_t end = line.find(kTab);
    if (end == std::string_view::npos) return std::nullopt;
    field = line.substr(0, end);
    line.remove_prefix(end + 1);
  }
  const auto type = fhir::find_resource_type(fields[2]);
  if (!type) return std::nullopt;
  return BlockLine{fields[0], *type, fields[3], line};
}

}  // namespace

Result<void> merge_blocks(const SourceContext& context, RecordSink& sink) {
  std::string instance;
  return each_merged_line(context, [&](std::string_view line) -> Result<void> {
    const auto parts = parse_block_line(line);
    if (!parts) return corrupt("an internal file of an export cannot be read");
    if (parts->instance != instance) {
      instance = parts->instance;
      SLUICE_RETURN_IF_ERROR(sink.begin_block(*context.prepared.request.organize_by, instance));
    }
    return sink.append({parts->type, parts->id, parts->resource, parts->resource});
  });
}

}  // namespace sluice::bulk

#include "bulk/export/shard/sorted_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::bulk {

unsigned run_part(std::string_view key) {
  // FNV-1a: std::hash may differ between the process that wrote a run and the one that merges it.
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  // Short keys leave its upper bits nearly alone.
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  return static_cast<unsigned>((hash >> 33) % kRunParts);
}

// ---- writing ----

Result<void> RunWriter::add(unsigned part, std::string_view line) {
  if (!lines_.empty() && buffer_.size() + line.size() > buffer_max_)
    SLUICE_RETURN_IF_ERROR(write_run());
  lines_.push_back({part, buffer_.size(), line.size()});
  buffer_ += line;
  return {};
}

Result<void> RunWriter::write_run() {
  const auto text = [&](const Line& line) {
    return std::string_view(buffer_).substr(line.offset, line.size);
  };
  std::sort(lines_.begin(), lines_.end(), [&](const Line& a, const Line& b) {
    return a.part != b.part ? a.part < b.part : text(a) < text(b);
  });
  std::unique_ptr<output::SeekableGzipWriter> writer;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const unsigned part = lines_[i].part;
    if (!writer) {
      RunFile file{fmt::format("{}{}-{}-{}-{:04}", output::kInternalFilePrefix, purpose_, stem_,
                               part, number_),
                   part};
      SLUICE_ASSIGN_OR_RETURN(writer, files_.create(job_id_, file.name));
      written_.push_back(std::move(file));
    }
    SLUICE_RETURN_IF_ERROR(writer->append_line(text(lines_[i])));
    if (i + 1 < lines_.size() && lines_[i + 1].part == part) continue;
    SLUICE_RETURN_IF_ERROR(closed_.add(std::exchange(writer, nullptr)));
  }
  ++number_;
  lines_.clear();
  buffer_.clear();
  return {};
}

Result<void> RunWriter::finish() {
  if (!lines_.empty()) SLUICE_RETURN_IF_ERROR(write_run());
  return closed_.finish();
}

// ---- merging ----

struct RunMerge::Source {
  explicit Source(std::shared_ptr<const output::SeekableGzipFile> file)
      : reader(std::move(file), 0) {}

  /// Moves to the next line; false at the end.
  Result<bool> advance(std::uint64_t& bytes) {
    start = end;
    while (true) {
      const std::size_t found = buffer.find('\n', start);
      if (found != std::string::npos) {
        line = std::string_view(buffer).substr(start, found - start);
        end = found + 1;
        return true;
      }
      buffer.erase(0, start);
      start = end = 0;
      const std::size_t size = buffer.size();
      buffer.resize(size + kChunk);
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read({buffer.data() + size, kChunk}));
      buffer.resize(size + n);
      bytes += n;
      if (n == 0) return false;
    }
  }

  static constexpr std::size_t kChunk = 1u << 16;
  output::InflatingReader reader;
  std::string buffer;
  std::size_t start = 0;  // of the line
  std::size_t end = 0;    // behind its line break
  std::string_view line;
};

void RunMerge::SourceDeleter::operator()(Source* source) const {
  delete source;
}

void RunMerge::push(SourcePointer source) {
  sources_.push_back(std::move(source));
  std::push_heap(sources_.begin(), sources_.end(),
                 [](const auto& a, const auto& b) { return a->line > b->line; });
}

Result<void> RunMerge::add(const std::string& name) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, files_.open(job_id_, name));
  SourcePointer source(new Source(file));
  std::uint64_t bytes = 0;
  SLUICE_ASSIGN_OR_RETURN(const bool more, source->advance(bytes));
  if (more) push(std::move(source));
  return step_(bytes);
}

Result<RunMerge> RunMerge::open(output::FileStore& files, const std::string& job_id,
                                std::vector<std::string> names, const std::string& stem,
                                const Step& step) {
  RunMerge merge(files, job_id, step);
  while (names.size() > kOpenMax) {
    const std::vector<std::string> first(names.begin(), names.begin() + kOpenMax);
    names.erase(names.begin(), names.begin() + kOpenMax);
    SLUICE_ASSIGN_OR_RETURN(auto some, open(files, job_id, first, stem, step));
    const std::string name =
        fmt::format("{}merged-{}-{:04}", output::kInternalFilePrefix, stem, merge.merged_.size());
    SLUICE_ASSIGN_OR_RETURN(const auto writer, files.create(job_id, name));
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const auto line, some.next());
      if (!line) break;
      SLUICE_RETURN_IF_ERROR(writer->append_line(*line));
    }
    SLUICE_RETURN_IF_ERROR(writer->finish());
    merge.merged_.push_back(name);
    names.push_back(name);
  }
  for (const auto& name : names) SLUICE_RETURN_IF_ERROR(merge.add(name));
  return merge;
}

Result<std::optional<std::string_view>> RunMerge::next() {
  if (given_) {
    std::uint64_t bytes = 0;
    SLUICE_ASSIGN_OR_RETURN(const bool more, given_->advance(bytes));
    if (more) push(std::move(given_));
    given_.reset();
    if (bytes > 0) SLUICE_RETURN_IF_ERROR(step_(bytes));
  }
  if (sources_.empty()) return std::optional<std::string_view>();
  std::pop_heap(sources_.begin(), sources_.end(),
                [](const auto& a, const auto& b) { return a->line > b->line; });
  given_ = std::move(sources_.back());
  sources_.pop_back();
  return std::optional(given_->line);
}

Result<void> RunMerge::remove_merged() {
  sources_.clear();
  given_.reset();
  for (const auto& name : merged_) SLUICE_RETURN_IF_ERROR(files_.remove_file(job_id_, name));
  merged_.clear();
  return {};
}

}  // namespace sluice::bulk

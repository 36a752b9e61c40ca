#include "bulk/export/shard/internal_lines.h"

#include <array>
#include <utility>

namespace sluice::bulk {
namespace {

// Calls `visit` with each whole line at the beginning of `text`; what is left has no line break.
Result<void> take_lines(std::string& text,
                        const std::function<Result<void>(std::string_view)>& visit) {
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1)
    SLUICE_RETURN_IF_ERROR(visit(std::string_view(text).substr(start, end - start)));
  text.erase(0, start);
  return {};
}

}  // namespace

Result<void> InternalLinesWriter::add(std::string_view line) {
  ++lines_.count;
  if (!file_ && lines_.text.size() + line.size() < kTextMax) {
    lines_.text.append(line) += '\n';
    return {};
  }
  if (!file_) {
    SLUICE_ASSIGN_OR_RETURN(file_, files_.create(job_id_, name_));
    lines_.file = name_;
    SLUICE_RETURN_IF_ERROR(take_lines(
        lines_.text, [this](std::string_view early) { return file_->append_line(early); }));
  }
  return file_->append_line(line);
}

Result<InternalLines> InternalLinesWriter::finish() {
  if (file_) SLUICE_RETURN_IF_ERROR(file_->finish());
  file_.reset();
  return std::move(lines_);
}

Result<void> each_line(output::FileStore& files, std::string_view job_id,
                       const InternalLines& lines,
                       const std::function<Result<void>(std::string_view)>& visit) {
  std::string rest = lines.text;
  SLUICE_RETURN_IF_ERROR(take_lines(rest, visit));
  if (lines.file.empty()) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto file, files.open(job_id, lines.file));
  output::InflatingReader reader(file, 0);
  std::array<char, 1u << 16> buffer;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, reader.read(buffer));
    if (n == 0) return {};
    rest.append(buffer.data(), n);
    SLUICE_RETURN_IF_ERROR(take_lines(rest, visit));
  }
}

}  // namespace sluice::bulk

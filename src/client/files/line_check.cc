#include "client/files/line_check.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "client/files/deletion_bundle.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kTextsKept = 3;
constexpr std::size_t kTypeShown = 40;
constexpr std::size_t kLargeLine = 16u << 20;

}  // namespace

Result<LineVerdict> LineJudge::judge(std::string_view line) {
  // What was cut needs no parser, which takes as much memory again as the line.
  const auto end = line.find_last_not_of(" \t\r\n");
  const bool is_closed = end != std::string_view::npos && line[end] == '}';
  if (!is_closed || !tokens_.read(line) || !fhir::check_json_object(tokens_, kDepthMax))
    return corrupt("is not one JSON object");
  std::string type;
  (void)fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) == '"' && fhir::means(tokens_.raw_string(key), "resourceType"))
      fhir::unescape(tokens_.raw_string(value), type);
    return {};
  });
  using Place = LineVerdict::Place;
  if (type.empty()) return LineVerdict{Place::kForeign, "an object without a resourceType"};
  if (!type_.empty() && type != type_)
    return LineVerdict{Place::kForeign, fmt::format("of type {}", type.substr(0, kTypeShown))};
  if (kind_ == LineKind::kResources) return judge_resource(type);
  if (kind_ == LineKind::kOutcomes) return LineVerdict();
  auto deletions = read_deletions(tokens_);
  if (deletions.oddity.empty()) return LineVerdict();
  return LineVerdict{Place::kHereToo, "a Bundle with " + deletions.oddity};
}

// What a copy is made of: each line says once, and plainly, what it is.
LineVerdict LineJudge::judge_resource(const std::string& type) const {
  using Place = LineVerdict::Place;
  // In a file of one type it is foreign.
  if (type == "OperationOutcome") return {Place::kElsewhere, "an OperationOutcome"};
  if (takes_any_type() && !is_type_name(type))
    return {Place::kForeign, fmt::format("of type {}, which is none", type.substr(0, kTypeShown))};
  int types = 0;
  int ids = 0;
  bool is_plain = true;
  bool has_id = false;
  (void)fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    const auto raw = tokens_.raw_string(key);
    const bool is_id = fhir::means(raw, "id");
    if (!is_id && !fhir::means(raw, "resourceType")) return {};
    ++(is_id ? ids : types);
    is_plain = is_plain && (raw == "id" || raw == "resourceType");
    has_id = has_id || (is_id && tokens_.first(value) == '"' && !tokens_.raw_string(value).empty());
    return {};
  });
  if (types > 1 || ids > 1) return {Place::kElsewhere, "an object with two ids or resourceTypes"};
  if (!is_plain) return {Place::kElsewhere, "an object that writes the name of its id in escapes"};
  if (!has_id && !(takes_any_type() && was_block_header()))
    return {Place::kElsewhere, "a resource without an id"};
  return {};
}

bool LineJudge::was_block_header() const {
  if (fhir::string_member(tokens_, 0, "resourceType") != "Parameters") return false;
  bool is_header = false;
  (void)fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (!fhir::means(tokens_.raw_string(key), "parameter") || tokens_.first(value) != '[' ||
        tokens_.first(value + 1) != '{')
      return {};
    is_header = fhir::string_member(tokens_, value + 1, "name") == "header";
    return {};
  });
  return is_header;
}

Result<void> LineCheck::take(std::string_view line) {
  if (at_file_start_) line = without_byte_order_mark(line);
  at_file_start_ = false;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  ++lines_;
  const auto verdict = judge_.judge(line);
  if (!verdict)
    return corrupt(fmt::format("line {} {}", lines_, verdict.error().message),
                   verdict.error().detail);
  if (!verdict->is_odd()) {
    if (judge_.takes_any_type() && judge_.was_block_header()) ++block_headers_;
    return {};
  }
  ++(verdict->belongs() ? unclear_ : strays_);
  if (verdict->place == LineVerdict::Place::kForeign) ++foreign_;
  if (texts_.size() < kTextsKept)
    texts_.push_back(fmt::format("line {} is {}", lines_, verdict->oddity));
  return {};
}

Result<void> LineCheck::feed(std::string_view bytes) {
  for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (pending_.empty()) {
      SLUICE_RETURN_IF_ERROR(take(line));
      continue;
    }
    pending_.append(line);
    SLUICE_RETURN_IF_ERROR(take(pending_));
    if (pending_.capacity() > kLargeLine)
      std::string().swap(pending_);
    else
      pending_.clear();
  }
  // A long line grows in place: what is reserved takes memory only as it is filled, and copies of
  // ever larger blocks would take twice as much.
  if (pending_.size() + bytes.size() > kLargeLine && pending_.capacity() < kLineSizeMax)
    pending_.reserve(kLineSizeMax + kLargeLine);
  pending_.append(bytes);
  if (pending_.size() > kLineSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("line {} has more than {} bytes", lines_ + 1, kLineSizeMax)};
  // The first bytes tell what a page for people is, long before its end.
  const auto first = pending_.find_first_not_of(" \t\r");
  const bool may_be_mark = at_file_start_ && pending_.front() == kByteOrderMark.front();
  if (first != std::string::npos && pending_[first] != '{' && !may_be_mark)
    return corrupt(fmt::format("line {} is not one JSON object", lines_ + 1));
  return {};
}

Result<void> LineCheck::finish() {
  const std::string last = std::move(pending_);
  pending_.clear();
  return take(last);
}

}  // namespace sluice::client

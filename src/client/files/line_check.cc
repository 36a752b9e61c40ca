#include "client/files/line_check.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "client/files/deletion_bundle.h"
#include "fhir/block_header.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kTextsKept = 3;
constexpr std::size_t kTypeShown = 40;

}  // namespace

Result<LineVerdict> LineJudge::judge(std::string_view line) {
  if (line.size() > kLongLine) {
    SLUICE_ASSIGN_OR_RETURN(const auto facts, scan_line(line));
    return judge(facts);
  }
  if (!tokens_.read(line) || !fhir::check_json_object(tokens_, kDepthMax))
    return corrupt("is not one JSON object");
  return judge(read_facts());
}

LineFacts LineJudge::read_facts() const {
  LineFacts facts;
  (void)fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
    const auto raw = tokens_.raw_string(key);
    const bool is_id = fhir::means(raw, "id");
    if (!is_id && !fhir::means(raw, "resourceType")) return {};
    ++(is_id ? facts.ids : facts.types);
    facts.is_plain = facts.is_plain && (raw == "id" || raw == "resourceType");
    if (tokens_.first(value) != '"') return {};
    if (is_id) {
      const auto id = tokens_.raw_string(value);
      facts.has_id = facts.has_id || !id.empty();
      facts.has_plain_id = is_plain_id(id) && (id.find('\\') == std::string_view::npos ||
                                               is_plain_id(fhir::unescape(id)));
    } else
      fhir::unescape(tokens_.raw_string(value), facts.type);
    return {};
  });
  if (takes_any_type() && facts.type == "Parameters")
    facts.is_header = fhir::is_block_header(tokens_);
  if (kind_ == LineKind::kDeletions) facts.deletion_oddity = find_deletion_oddity(tokens_);
  return facts;
}

LineVerdict LineJudge::judge(const LineFacts& facts) const {
  using Place = LineVerdict::Place;
  if (facts.type.empty()) return {Place::kForeign, "an object without a resourceType"};
  if (!type_.empty() && facts.type != type_)
    return {Place::kForeign, fmt::format("of type {}", facts.type.substr(0, kTypeShown))};
  if (kind_ == LineKind::kResources) return judge_resource(facts);
  if (kind_ == LineKind::kOutcomes || facts.deletion_oddity.empty()) return {};
  return {Place::kHereToo, "a Bundle with " + facts.deletion_oddity};
}

// What a copy is made of: each line says once, and plainly, what it is.
LineVerdict LineJudge::judge_resource(const LineFacts& facts) const {
  using Place = LineVerdict::Place;
  // In a file of one type it is foreign.
  if (facts.type == "OperationOutcome") return {Place::kElsewhere, "an OperationOutcome"};
  if (takes_any_type() && !is_type_name(facts.type))
    return {Place::kForeign,
            fmt::format("of type {}, which is none", facts.type.substr(0, kTypeShown))};
  if (facts.types > 1 || facts.ids > 1)
    return {Place::kElsewhere, "an object with two ids or resourceTypes"};
  if (!facts.is_plain)
    return {Place::kElsewhere, "an object that writes the name of its id in escapes"};
  const bool is_header = takes_any_type() && facts.is_header;
  if (!facts.has_id && !is_header) return {Place::kElsewhere, "a resource without an id"};
  // Lists of ids have one on a line.
  if (facts.has_id && !facts.has_plain_id)
    return {Place::kElsewhere, "a resource with a control character in its id"};
  return {Place::kHere, {}, is_header};
}

Error LineCheck::name_line(const Error& error) const {
  return {error.kind, fmt::format("line {} {}", lines_ + 1, error.message), error.detail};
}

void LineCheck::note(const LineVerdict& verdict) {
  ++lines_;
  if (verdict.is_block_header) ++block_headers_;
  if (!verdict.is_odd()) return;
  ++(verdict.belongs() ? unclear_ : strays_);
  if (verdict.place == LineVerdict::Place::kForeign) ++foreign_;
  if (texts_.size() < kTextsKept)
    texts_.push_back(fmt::format("line {} is {}", lines_, verdict.oddity));
}

Result<void> LineCheck::take(std::string_view line) {
  if (at_file_start_) line = without_byte_order_mark(line);
  at_file_start_ = false;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  const auto verdict = judge_.judge(line);
  if (!verdict) return name_line(verdict.error());
  note(*verdict);
  return {};
}

Result<void> LineCheck::scan(std::string_view bytes) {
  scanned_ += bytes.size();
  if (scanned_ > kLineSizeMax)
    return name_line(
        {ErrorKind::kTooLarge, fmt::format("has more than {} bytes", kLineSizeMax), {}});
  const auto scanned = scan_->feed(bytes);
  return scanned ? Result<void>() : name_line(scanned.error());
}

Result<void> LineCheck::end_scan() {
  LineScan ended = std::move(*scan_);
  scan_.reset();
  if (ended.is_blank()) return {};
  const auto facts = ended.finish();
  if (!facts) return name_line(facts.error());
  note(judge_.judge(*facts));
  return {};
}

Result<void> LineCheck::feed(std::string_view bytes) {
  for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (scan_) {
      SLUICE_RETURN_IF_ERROR(scan(line));
      SLUICE_RETURN_IF_ERROR(end_scan());
    } else if (pending_.empty()) {
      SLUICE_RETURN_IF_ERROR(take(line));
    } else {
      pending_.append(line);
      SLUICE_RETURN_IF_ERROR(take(pending_));
      pending_.clear();
    }
  }
  if (scan_) return scan(bytes);
  pending_.append(bytes);
  // The first bytes tell what a page for people is, long before its end.
  const auto first = pending_.find_first_not_of(" \t\r");
  const bool may_be_mark = at_file_start_ && pending_.front() == kByteOrderMark.front();
  if (first != std::string::npos && pending_[first] != '{' && !may_be_mark)
    return name_line(corrupt("is not one JSON object"));
  if (pending_.size() <= kLongLine) return {};
  scan_.emplace();
  scanned_ = 0;
  const std::string start = std::move(pending_);
  pending_ = {};
  return scan(std::exchange(at_file_start_, false) ? without_byte_order_mark(start)
                                                   : std::string_view(start));
}

Result<void> LineCheck::finish() {
  if (scan_) return end_scan();
  const std::string last = std::move(pending_);
  pending_.clear();
  return take(last);
}

}  // namespace sluice::client

// Checks that a server sends what its manifest states: each line one JSON object, a resource of the
// type of its file (L-11). Used while receiving and when sorting out lines later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/files/line_scan.h"
#include "json/json_tokens.h"

namespace sluice::client {

/// Of a line, in bytes, so that a file without line breaks cannot take all memory.
inline constexpr std::size_t kLineSizeMax = 256u << 20;

/// What the lines of a file are.
enum class LineKind : std::uint8_t { kResources, kDeletions, kOutcomes };

/// What a line is, by itself.
struct LineVerdict {
  enum class Place : std::uint8_t {
    kHere,       ///< belongs into the file
    kHereToo,    ///< does, but some of it is not understood: it is shown to people as well
    kElsewhere,  ///< does not
    kForeign,    ///< is of another type: a file of nothing else is another thing altogether
  };
  Place place = Place::kHere;
  std::string oddity = {};  ///< why it is not kHere: "of type Patient"
  /// The header of a block in an output that is organised by instances (P-09).
  bool is_block_header = false;
  bool belongs() const { return place == Place::kHere || place == Place::kHereToo; }
  bool is_odd() const { return place != Place::kHere; }
};

/// Checks single lines. Holds a parser for lines of up to kLongLine: use one for each thread.
class LineJudge {
 public:
  /// `type`: which resources belong here; empty: any.
  explicit LineJudge(std::string type, LineKind kind = LineKind::kResources)
      : type_(std::move(type)), kind_(kind) {}
  /// Whether a sync can read the line as what it stands for. kCorrupt for what is not one JSON
  /// object.
  Result<LineVerdict> judge(std::string_view line);
  /// The same for a line that was scanned.
  LineVerdict judge(const LineFacts& facts) const;

 private:
  bool takes_any_type() const { return type_.empty(); }
  LineFacts read_facts() const;
  LineVerdict judge_resource(const LineFacts& facts) const;

  const std::string type_;
  const LineKind kind_;
  fhir::JsonTokens tokens_;
};

/// The lines of a file as its bytes come, blank ones left out. Holds no more of a line than
/// kLongLine and the bytes that it was fed at once.
class LineCheck {
 public:
  explicit LineCheck(std::string type, LineKind kind = LineKind::kResources)
      : judge_(std::move(type), kind) {}
  /// kCorrupt names the line that is not one JSON object; kTooLarge for one of more than
  /// kLineSizeMax.
  Result<void> feed(std::string_view bytes);
  /// After the last byte: the last line may have no line break.
  Result<void> finish();

  std::uint64_t lines() const { return lines_; }
  /// Of these: objects that do not belong into the file.
  std::uint64_t strays() const { return strays_; }
  /// Of the strays: of another type.
  std::uint64_t foreign() const { return foreign_; }
  /// Lines that belong into the file and are not understood as a whole.
  std::uint64_t unclear() const { return unclear_; }
  /// Headers of blocks, which some servers count and some do not.
  std::uint64_t block_headers() const { return block_headers_; }
  /// The first few of them: "line 2 is an OperationOutcome".
  const std::vector<std::string>& stray_texts() const { return texts_; }

 private:
  Result<void> take(std::string_view line);
  Result<void> scan(std::string_view bytes);
  Result<void> end_scan();
  void note(const LineVerdict& verdict);
  Error name_line(const Error& error) const;

  LineJudge judge_;
  std::string pending_;
  std::optional<LineScan> scan_;  // of a long line
  std::size_t scanned_ = 0;       // bytes of it
  std::uint64_t lines_ = 0;
  std::uint64_t strays_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t unclear_ = 0;
  std::uint64_t block_headers_ = 0;
  std::vector<std::string> texts_;
  bool at_file_start_ = true;
};

}  // namespace sluice::client

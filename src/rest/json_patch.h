// JSON Patch (RFC 6902). Works on the text: what a patch does not name keeps its bytes, so that
// 1.50 stays 1.50 (docs/decisions/0015).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/json_node.h"
#include "json/json_pointer.h"
#include "json/json_tokens.h"

namespace sluice::rest {

struct PatchLimits {
  std::size_t depth_max = 100;
  std::size_t added_max = 10u << 20;  ///< bytes that all operations together put in
};

/// A patch that was read: any number of texts can be patched with it. Thread-safe.
class JsonPatch {
 public:
  /// kInvalid names the operation (counted from 0) and what is wrong with it: op, path, from or
  /// value missing, unknown or of the wrong type. Ignores unknown members, as RFC 6902
  /// requires.
  static Result<JsonPatch> parse(std::string_view text);

  /// The patched text, or all of the old one: either every operation is done or none.
  /// kUnprocessable names the operation and why it cannot be done, a test that fails too;
  /// kTooLarge for what would take more than the limits. `json` is a checked JSON object; kCorrupt
  /// when it is not. Messages hold pointers of the patch, never values.
  Result<std::string> apply(std::string_view json, const PatchLimits& limits = {}) const;

  std::size_t size() const { return operations_.size(); }

 private:
  enum class Kind : std::uint8_t { kAdd, kRemove, kReplace, kMove, kCopy, kTest };
  struct Operation {
    Kind kind = Kind::kAdd;
    std::string name;  // "operation 3 (replace '/birthDate')"
    fhir::JsonPointer path;
    fhir::JsonPointer from;
    std::size_t value = 0;  // its token
  };
  friend class PatchReader;
  friend class PatchRun;

  std::unique_ptr<fhir::JsonTokens> tokens_;
  std::vector<Operation> operations_;
};

}  // namespace sluice::rest

// De-identification of resources: rules and their keys, applied line by line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "deid/keys.h"
#include "deid/program.h"
#include "json/json_tokens.h"

namespace sluice::deid {

/// Our own rule sets: by an allow-list, what it does not name is removed.
enum class OwnRules : std::uint8_t {
  kSafeHarbor,   ///< of dates the year
  kShiftedDates  ///< dates move by days, by one number for each patient
};
std::optional<OwnRules> find_own_rules(std::string_view name);
/// The allow-list as it is checked in: a type and its elements a line.
std::string_view allow_list_text();

/// Rules, ready to be applied, and the keys that they need. Immutable; shared by threads.
class Deidentification {
 public:
  /// kInvalid when the rules need a key and there is none. Keys are derived for `view`: two views
  /// of one key file give ids that cannot be joined.
  static Result<std::shared_ptr<const Deidentification>> of_rules(RuleSet rules, const KeyFile* key,
                                                                  std::string_view view);
  static Result<std::shared_ptr<const Deidentification>> of_own(OwnRules rules, const KeyFile* key,
                                                                std::string_view view);

  const Program& program() const { return *program_; }
  std::optional<OwnRules> own() const { return own_; }
  OnError on_error() const { return program_->rules().on_error; }

 private:
  friend class Walker;
  struct Keys {
    std::string hash;
    std::string shift;
    std::string noise;
    std::string encrypt;
    std::string vector;
  };
  std::shared_ptr<const Program> program_;
  std::optional<OwnRules> own_;
  std::optional<Keys> keys_;
};

/// What is known of a line besides its text.
struct Context {
  std::string_view file_name = {};    ///< for dateShiftScope "file"
  std::string_view folder_name = {};  ///< for "folder"
  /// The id of the patient whose record has it; without one it is looked for in the resource. For
  /// dates that move by patient.
  std::optional<std::string_view> owner = {};
  /// Ages are those of this moment.
  Instant now;
  /// What the allow-list puts in for meta.lastUpdated; nothing by default.
  std::optional<Instant> last_updated = {};
};

/// Applies rules to one resource at a time; keeps its memory. One for each thread.
class Transform {
 public:
  explicit Transform(std::shared_ptr<const Deidentification> rules);
  ~Transform();
  Transform(Transform&&) noexcept;
  Transform& operator=(Transform&&) noexcept;

  /// `tokens` are those of a checked JSON object. The new resource, on one line, until the next
  /// call. An error means that there is none, and holds nothing of the resource's content:
  /// kUnsupported for what the allow-list does not take as a whole, kInvalid for a value that a
  /// rule cannot change.
  Result<std::string_view> apply(const fhir::JsonTokens& tokens, const Context& context);
  /// What stands in its place under OnError::kSkip: its type and the mark that it was emptied.
  static std::string emptied(const fhir::JsonTokens& tokens);

  /// How many values and elements each rule has changed or removed in all resources; of the
  /// allow-list there is one number.
  const std::vector<std::uint64_t>& counts() const;

 private:
  std::unique_ptr<class Walker> walker_;
};

/// The first patient, by id, into whose compartment the resource's references put it, or who it is.
std::optional<std::string> owner_of(const fhir::JsonTokens& tokens);

}  // namespace sluice::deid

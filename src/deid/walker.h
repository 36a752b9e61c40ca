// Walks a resource and a program side by side and writes what is left.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deid/transform.h"
#include "fhirpath/document.h"
#include "fhirpath/evaluation.h"

namespace sluice::deid {

/// What meta.security says was done.
enum Tag : std::uint8_t {
  kRedactedTag = 1,
  kAbstractedTag = 2,
  kHashedTag = 4,
  kMaskedTag = 8,
  kPerturbedTag = 16,
  kSubstitutedTag = 32,
  kGeneralizedTag = 64
};

class Walker {
 public:
  explicit Walker(std::shared_ptr<const Deidentification> rules);

  Result<std::string_view> apply(const fhir::JsonTokens& tokens, const Context& context);
  const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  /// What comes from above besides what places say: the rule of an expression, or one that wins
  /// over all others.
  struct Flow {
    RuleId rule = kNoRule;
    bool is_forced = false;
  };
  /// Of the resource that is written at the moment.
  struct Resource {
    std::size_t behind_type = 0;  ///< of its `resourceType`, in the output
    std::size_t meta_begin = 0;   ///< 0: there is none
    std::size_t meta_end = 0;
    std::string id;
    std::optional<int> offset;
  };
  enum class Level : std::uint8_t { kElement, kResource };

  // Each writes a value, moves next_ behind it, and returns whether anything is left; what it has
  // written is cut off by the caller if not.
  bool value(std::size_t token, PlaceId id, Flow flow);
  /// The items of an array, each written by `each`; whether any is left.
  template <class Each>
  bool items(std::size_t token, const Each& each);
  bool slot(std::size_t token, const Place& place, Flow flow);
  bool resource(std::size_t token, Flow flow, bool is_contained);
  bool object(std::size_t token, const Place& place, Flow flow, Level level);
  bool object_with_companions(std::size_t token, const Place& place, Flow flow, Level level);
  bool array(std::size_t token, PlaceId id, Flow flow);
  bool pair(std::string_view name, std::size_t value, std::size_t companion, PlaceId id, Flow flow,
            bool is_first);
  bool pair_of_arrays(std::string_view name, std::size_t values, std::size_t companions, PlaceId id,
                      Flow flow, bool is_first);
  void member_written(std::string_view name, Level level, std::size_t begin);
  bool remove(std::size_t token, RuleId rule);

  // Rules on values (rule_values.cc).
  bool rule_value(std::size_t token, const Place& place, RuleId rule);
  bool redact(std::string_view text, const Place& place, RuleId rule);
  bool shift(std::string_view text, const Place& place, RuleId rule);
  bool hash(std::string_view text, const Place& place, RuleId rule);
  bool mask(std::string_view text, RuleId rule);
  bool perturb(std::string_view text, const Place& place, RuleId rule);
  bool generalize(std::size_t token, const Place& place, RuleId rule);
  bool replace(const Place& place, RuleId rule);
  bool substitute(std::size_t token, const Place& place, Flow flow, RuleId rule,
                  std::size_t replacement);
  bool substitute_items(std::size_t token, PlaceId id, Flow flow, RuleId rule,
                        std::size_t replacement);
  bool holds_earlier(std::size_t token, PlaceId id, Flow flow, RuleId rule);
  bool append_as(fhirpath::TypeId type, const fhirpath::Value& value, RuleId rule);
  int shift_days();
  std::string place_text() const;

  // The allow-list (allow_values.cc).
  bool allowed_value(std::size_t token, const Place& place);
  bool allowed_object(std::size_t token, const Place& place, Level level);
  bool allowed_coding(std::size_t token);
  bool allowed_quantity(std::size_t token, const Place& place);
  bool allowed_date(std::string_view text, bool is_instant);
  bool allowed_reference(std::string_view text);
  bool allowed_url(std::string_view text);
  bool removed_value();
  const std::string& hashed(std::string_view text);

  // Expressions (marks.cc).
  void find_marks();
  void mark_resource(std::size_t token);
  void mark_in(std::size_t token, std::size_t companion, PlaceId id, std::string_view name,
               const Place* parent);
  void mark_members(std::size_t token, const Place& place);
  void mark(const ExpressionRule& rule, const fhirpath::Node& node);
  RuleId marked(std::size_t token) const;
  Flow with_mark(Flow flow, std::size_t token) const;

  static RuleId effective(const Place& place, Flow flow) {
    return flow.is_forced ? flow.rule : std::min(place.rule, flow.rule);
  }
  PlaceId step(const Place& place, std::string_view name);
  std::string text_of(std::size_t object, std::string_view name) const;
  std::string_view name_of(std::size_t key);
  std::size_t find_key(std::size_t object, std::string_view name) const;
  void copy(std::size_t token);
  void copy_type(std::size_t token, const Place& place);
  void append_string(std::string_view text);
  bool fail(RuleId rule, std::string_view message);
  bool fail_of_two_types();
  void fire(RuleId rule, std::uint8_t tag) {
    fired_.push_back(rule);
    tags_ |= tag;
  }
  void add_meta();
  const fhirpath::Document& document();
  const Rule& rule_at(RuleId rule) const { return program_.rules().rules[rule]; }
  bool is_shifted() const { return rules_->own() == OwnRules::kShiftedDates; }

  const std::shared_ptr<const Deidentification> rules_;
  const Program& program_;
  std::optional<Hmac> hash_;
  std::optional<Hmac> shift_;
  std::optional<Hmac> noise_;
  std::optional<Hmac> vector_;
  fhirpath::Evaluation evaluation_;
  std::vector<std::uint64_t> counts_;

  const fhir::JsonTokens* tokens_ = nullptr;
  const Context* context_ = nullptr;
  std::chrono::year_month_day today_{};
  std::optional<fhirpath::Document> document_;
  std::vector<std::pair<std::size_t, RuleId>> marks_;  // by token
  bool is_one_line_ = true;
  std::string out_;
  std::size_t next_ = 0;
  std::uint8_t tags_ = 0;
  std::vector<RuleId> fired_;
  Resource resource_;
  std::size_t resource_token_ = 0;  // of the resource that is walked, contained or not
  std::string_view type_name_;      // its type's
  bool is_in_contained_ = false;
  /// Names, and numbers in arrays, down to the value.
  std::vector<std::pair<std::string_view, std::size_t>> path_;
  std::deque<std::string> unescaped_;  // keys
  std::size_t depth_ = 0;
  fhir::JsonTokens meta_tokens_;
  std::string text_;
  std::optional<Error> error_;
};

}  // namespace sluice::deid

#include "fhir/member_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "fhir/reference.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

constexpr std::array<std::string_view, 6> kAllowed = {"resourceType", "id",     "meta",
                                                      "type",         "actual", "member"};

Error unprocessable(std::string message) {
  return {ErrorKind::kUnprocessable, std::move(message)};
}

/// What makes two entries the same; views into the text.
struct Stated {
  std::string_view reference;
  std::string_view start;
  std::string_view end;
  bool inactive = false;
  bool states_inactive = false;
};

/// What is stated of `inactive`.
enum class Inactive : std::uint8_t { kUnstated, kNo, kYes };

Inactive inactive_of(const MemberEntry& entry) {
  if (!entry.states_inactive) return Inactive::kUnstated;
  return entry.inactive ? Inactive::kYes : Inactive::kNo;
}

std::string period_of(const Stated& stated) {
  if (stated.start.empty() && stated.end.empty()) return {};
  return fmt::format("{}/{}", stated.start, stated.end);
}

/// Reads the entries of one Group.
class GroupText {
 public:
  explicit GroupText(std::string_view base_url) : base_url_(base_url) {}

  Result<void> read(std::string_view json) {
    SLUICE_RETURN_IF_ERROR(tokens_.read(json));
    return each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
      const std::string_view name = tokens_.raw_string(key);
      if (means(name, "member")) {
        member_key_ = key;
        members_ = value;
      }
      if (means(name, "actual")) actual_ = value;
      return {};
    });
  }

  const JsonTokens& tokens() const { return tokens_; }
  std::size_t member_key() const { return member_key_; }
  std::size_t members() const { return members_; }

  Result<void> check_changeable() const {
    if (actual_ != 0 && tokens_.scalar(actual_) != "true")
      return unprocessable("the Group is not actual, so it has no members");
    if (members_ != 0 && tokens_.first(members_) != '[')
      return unprocessable("the Group's member is not a list");
    return {};
  }

  /// What the entry says; without a reference when it has none.
  Stated stated(std::size_t entry) const {
    Stated out;
    if (tokens_.first(entry) != '{') return out;
    (void)each_member(tokens_, entry, [&](std::size_t key, std::size_t value) -> Result<void> {
      const std::string_view name = tokens_.raw_string(key);
      if (means(name, "entity")) out.reference = string_of(value, "reference");
      if (means(name, "period")) {
        out.start = string_of(value, "start");
        out.end = string_of(value, "end");
      }
      if (means(name, "inactive")) {
        out.states_inactive = true;
        out.inactive = tokens_.first(value) != 'f';
      }
      return {};
    });
    return out;
  }

  /// `text`, a reference between its quotes, as it is compared.
  void normalize(std::string_view text, std::string& out) const {
    if (text.find('\\') == std::string_view::npos) return normalize_plain(text, out);
    normalize_plain(unescape(text), out);
  }

 private:
  std::string_view string_of(std::size_t object, std::string_view member) const {
    std::string_view found;
    if (tokens_.first(object) != '{') return found;
    (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (means(tokens_.raw_string(key), member) && tokens_.first(value) == '"')
        found = tokens_.raw_string(value);
      return {};
    });
    return found;
  }

  void normalize_plain(std::string_view text, std::string& out) const {
    out.clear();
    if (const auto reference = parse_reference(text, base_url_)) {
      out.append(type_name(reference->type)).append("/").append(reference->id);
    } else {
      out.append(text);
    }
  }

  const std::string_view base_url_;
  JsonTokens tokens_;
  std::size_t member_key_ = 0;
  std::size_t members_ = 0;
  std::size_t actual_ = 0;
};

/// The entries of a change, found by all that they state at once: one patient may be named with
/// ever so many periods.
class Wanted {
 public:
  explicit Wanted(const std::vector<MemberEntry>& entries) : met_(entries.size()) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      // Named twice in one change is named once.
      if (!by_key_
               .try_emplace(
                   key_of(entries[i].reference, entries[i].period, inactive_of(entries[i])), i)
               .second)
        continue;
      indexes_.push_back(i);
      references_.insert(entries[i].reference);
    }
  }

  std::size_t size() const { return indexes_.size(); }

  /// Whether some entry is about this reference; most of a Group's are not.
  bool names(const std::string& reference) const { return references_.contains(reference); }
  /// Meets the wanted entry of this reference, period and statement, if there is one.
  bool meet(std::string_view reference, std::string_view period, Inactive inactive) {
    const auto found = by_key_.find(key_of(reference, period, inactive));
    if (found == by_key_.end()) return false;
    met_[found->second] = true;
    return true;
  }
  /// Calls `visit(index)` for each that no entry of the Group met, in the order they were given.
  template <class Visit>
  void each_unmet(Visit visit) const {
    for (const std::size_t index : indexes_)
      if (!met_[index]) visit(index);
  }

 private:
  // A period has no line feed in it, because it is JSON text.
  static std::string key_of(std::string_view reference, std::string_view period,
                            Inactive inactive) {
    std::string key;
    key.reserve(reference.size() + period.size() + 2);
    key.append(period).push_back('\n');
    key.push_back(static_cast<char>('0' + static_cast<int>(inactive)));
    return key.append(reference);
  }

  std::unordered_map<std::string, std::size_t> by_key_;
  std::unordered_set<std::string> references_;
  std::vector<bool> met_;
  std::vector<std::size_t> indexes_;  // without repetitions
};

/// The text with `entries` at the end of its list of members.
std::string with_members(const GroupText& group, std::string_view entries) {
  const JsonTokens& tokens = group.tokens();
  const std::string_view text = tokens.text();
  std::string out;
  out.reserve(text.size() + entries.size() + 16);
  if (group.members() == 0) {
    const std::size_t end = tokens.begin(tokens.size() - 1);
    out.append(text.substr(0, end)).append(R"(,"member":[)").append(entries).append("]");
    return out.append(text.substr(end));
  }
  const std::size_t closing = tokens.closing(group.members());
  const bool is_empty = closing == group.members() + 1;
  out.append(text.substr(0, tokens.begin(closing))).append(is_empty ? "" : ",").append(entries);
  return out.append(text.substr(tokens.begin(closing)));
}

/// A stretch of the text that goes.
struct Cut {
  std::size_t begin;
  std::size_t end;
};

std::string without(std::string_view text, const std::vector<Cut>& cuts) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  for (const Cut& cut : cuts) {
    out.append(text.substr(at, cut.begin - at));
    at = cut.end;
  }
  return out.append(text.substr(at));
}

/// `member` with its list and one comma: FHIR has no empty lists.
Cut whole_member(const GroupText& group) {
  const JsonTokens& tokens = group.tokens();
  const std::size_t behind = tokens.behind(group.members());
  if (tokens.first(behind) == ',')
    return {tokens.begin(group.member_key()), tokens.begin(behind) + 1};
  // It is not the first of the object, because resourceType exists too: a comma precedes it.
  return {tokens.begin(group.member_key() - 1), tokens.begin(behind)};
}

}  // namespace

Result<std::vector<MemberEntry>> read_member_entries(std::string_view group_json,
                                                     std::string_view base_url) {
  GroupText group(base_url);
  SLUICE_RETURN_IF_ERROR(group.read(group_json));
  const JsonTokens& tokens = group.tokens();
  SLUICE_RETURN_IF_ERROR(each_member(tokens, 0, [&](std::size_t key, std::size_t) -> Result<void> {
    const std::string name = unescape(tokens.raw_string(key));
    if (std::find(kAllowed.begin(), kAllowed.end(), name) != kAllowed.end()) return {};
    return invalid(fmt::format("'{}' cannot be changed so: only member", shortened(name, 64)));
  }));
  std::vector<MemberEntry> entries;
  if (group.members() == 0 || tokens.first(group.members()) != '[')
    return invalid("the Group has no list 'member', which says whom the change is about");
  SLUICE_RETURN_IF_ERROR(
      each_element(tokens, group.members(), [&](std::size_t value) -> Result<void> {
        const Stated stated = group.stated(value);
        if (stated.reference.empty())
          return invalid(
              fmt::format("member[{}] has no entity.reference, which it needs", entries.size()));
        if (entries.size() == kMembersMax)
          return Error{ErrorKind::kTooLarge,
                       fmt::format("a change names at most {} members", kMembersMax)};
        MemberEntry entry;
        const std::size_t begin = tokens.begin(value);
        entry.json = tokens.text().substr(begin, tokens.end(tokens.behind(value) - 1) - begin);
        group.normalize(stated.reference, entry.reference);
        entry.period = period_of(stated);
        entry.inactive = stated.inactive;
        entry.states_inactive = stated.states_inactive;
        entries.push_back(std::move(entry));
        return {};
      }));
  if (entries.empty()) return invalid("the list 'member' is empty");
  return entries;
}

Result<MemberEdit> add_members(std::string_view group_json, const std::vector<MemberEntry>& entries,
                               std::string_view base_url) {
  GroupText group(base_url);
  SLUICE_RETURN_IF_ERROR(group.read(group_json));
  SLUICE_RETURN_IF_ERROR(group.check_changeable());
  Wanted wanted(entries);
  std::string reference;
  if (group.members() != 0)
    SLUICE_RETURN_IF_ERROR(
        each_element(group.tokens(), group.members(), [&](std::size_t value) -> Result<void> {
          const Stated stated = group.stated(value);
          group.normalize(stated.reference, reference);
          if (!wanted.names(reference)) return {};
          // Who is not inactive may be named so or not.
          const std::string period = period_of(stated);
          wanted.meet(reference, period, stated.inactive ? Inactive::kYes : Inactive::kNo);
          if (!stated.inactive) wanted.meet(reference, period, Inactive::kUnstated);
          return {};
        }));
  MemberEdit edit;
  edit.given = wanted.size();
  std::string text;
  wanted.each_unmet([&](std::size_t index) {
    text.append(text.empty() ? "" : ",").append(entries[index].json);
    ++edit.added;
  });
  if (edit.added > 0) edit.json = with_members(group, text);
  return edit;
}

Result<MemberEdit> remove_members(std::string_view group_json,
                                  const std::vector<MemberEntry>& entries,
                                  std::string_view base_url) {
  GroupText group(base_url);
  SLUICE_RETURN_IF_ERROR(group.read(group_json));
  SLUICE_RETURN_IF_ERROR(group.check_changeable());
  Wanted wanted(entries);
  MemberEdit edit;
  edit.given = wanted.size();
  const JsonTokens& tokens = group.tokens();
  std::string reference;
  std::vector<Cut> cuts;
  std::size_t kept_comma = 0;  // behind the last entry that stays; 0 before the first
  std::size_t kept = 0;
  if (group.members() != 0)
    SLUICE_RETURN_IF_ERROR(
        each_element(tokens, group.members(), [&](std::size_t value) -> Result<void> {
          const Stated stated = group.stated(value);
          group.normalize(stated.reference, reference);
          bool goes = false;
          const bool is_named = wanted.names(reference);
          const std::string period = is_named ? period_of(stated) : std::string();
          for (const auto inactive :
               {Inactive::kUnstated, stated.inactive ? Inactive::kYes : Inactive::kNo}) {
            if (!is_named) break;
            goes = wanted.meet(reference, {}, inactive) || goes;
            if (!period.empty()) goes = wanted.meet(reference, period, inactive) || goes;
          }
          const std::size_t behind = tokens.behind(value);
          const bool is_last = tokens.first(behind) == ']';
          if (!goes) {
            ++kept;
            kept_comma = tokens.begin(behind);
            return {};
          }
          ++edit.removed;
          if (!is_last) {
            cuts.push_back({tokens.begin(value), tokens.begin(behind) + 1});
          } else {
            // Nothing follows the comma of the last entry that stays: it goes, with all behind it.
            while (!cuts.empty() && cuts.back().begin > kept_comma) cuts.pop_back();
            cuts.push_back({kept_comma, tokens.begin(behind)});
          }
          return {};
        }));
  wanted.each_unmet([&](std::size_t) { ++edit.absent; });
  if (edit.removed == 0) return edit;
  if (kept == 0) cuts = {whole_member(group)};
  edit.json = without(tokens.text(), cuts);
  return edit;
}

}  // namespace sluice::fhir

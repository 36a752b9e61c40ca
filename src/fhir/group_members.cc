#include "fhir/group_members.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "fhir/json_check.h"
#include "fhir/json_tokens.h"
#include "fhir/json_walk.h"
#include "fhir/reference.h"

namespace sluice::fhir {
namespace {

// What the store holds went through the reader, so this is no limit but a promise.
constexpr std::size_t kDepthMax = 1000;

void sort_unique(std::vector<std::string>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

/// The first instant behind what a date or dateTime names: "2026-05" ends when June begins.
Result<Instant> end_of(const std::string& text) {
  SLUICE_TRY(const Instant begin, parse_fhir_instant(text));
  using std::chrono::milliseconds;
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  // parse_fhir_instant has checked the form, so the length of a date tells its precision.
  if (text.size() == 4 || text.size() == 7) {
    const std::chrono::year_month first =
        std::chrono::year(number(0, 4)) /
        std::chrono::month(text.size() == 7 ? static_cast<unsigned>(number(5, 2)) : 1u);
    const std::chrono::year_month next = first + std::chrono::months(text.size() == 7 ? 1 : 12);
    const std::chrono::sys_days day = next / 1;
    return Instant{milliseconds(day.time_since_epoch()).count()};
  }
  if (text.size() == 10) return begin + std::chrono::days(1);
  if (text.find('.') != std::string::npos) return begin + milliseconds(1);
  const bool has_seconds = text.size() > 16 && text[16] == ':';  // "2026-05-01T10:15" is before it
  return begin + std::chrono::seconds(has_seconds ? 1 : 60);
}

class GroupReader {
 public:
  GroupReader(Instant at, std::string_view base_url) : at_(at), base_url_(base_url) {}

  Result<GroupMembers> read(std::string_view json) {
    if (!tokens_.read(json) || !check_json_object(tokens_, kDepthMax)) {
      return corrupt("stored Group: not JSON");
    }
    const std::size_t type = member(0, "resourceType");
    if (type == 0 || tokens_.first(type) != '"' || !means(tokens_.raw_string(type), "Group")) {
      return corrupt("stored Group: another resource");
    }
    const std::size_t members = member(0, "member");
    if (members != 0 && tokens_.first(members) == '[') {
      SLUICE_CHECK(each_element(tokens_, members, [&](std::size_t value) -> Result<void> {
        if (tokens_.first(value) == '{') read_member(value);
        return {};
      }));
    }
    sort_unique(out_.patients);
    sort_unique(out_.groups);
    return std::move(out_);
  }

 private:
  /// The token of the value of a member of the object at `object`; 0 for none.
  std::size_t member(std::size_t object, std::string_view name) const {
    std::size_t found = 0;
    (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (means(tokens_.raw_string(key), name)) found = value;
      return {};
    });
    return found;
  }

  void read_member(std::size_t object) {
    std::size_t entity = 0;
    std::size_t period = 0;
    std::size_t inactive = 0;
    (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      const std::string_view name = tokens_.raw_string(key);
      if (means(name, "entity")) entity = value;
      if (means(name, "period")) period = value;
      if (means(name, "inactive")) inactive = value;
      return {};
    });
    // What cannot be understood counts as "not a member": the gate stays shut.
    if (inactive != 0 && tokens_.scalar(inactive) != "false") return;
    if (period != 0 && !contains_instant(period)) return;
    if (entity == 0 || tokens_.first(entity) != '{') return;
    const std::size_t text = member(entity, "reference");
    if (text == 0 || tokens_.first(text) != '"') return;
    const std::string_view raw = tokens_.raw_string(text);
    const std::string unescaped =
        raw.find('\\') == std::string_view::npos ? std::string() : unescape(raw);
    const auto reference = parse_reference(unescaped.empty() ? raw : unescaped, base_url_);
    if (!reference) return;
    if (reference->type == types::kPatient) out_.patients.emplace_back(reference->id);
    if (reference->type == types::kGroup) out_.groups.emplace_back(reference->id);
  }

  bool contains_instant(std::size_t period) const {
    if (tokens_.first(period) != '{') return false;
    const std::size_t start = member(period, "start");
    const std::size_t end = member(period, "end");
    if (start != 0) {
      if (tokens_.first(start) != '"') return false;
      const auto from = parse_fhir_instant(unescape(tokens_.raw_string(start)));
      if (!from || at_ < *from) return false;
    }
    if (end != 0) {
      if (tokens_.first(end) != '"') return false;
      const auto to = end_of(unescape(tokens_.raw_string(end)));
      if (!to || at_ >= *to) return false;
    }
    return true;
  }

  const Instant at_;
  const std::string_view base_url_;
  JsonTokens tokens_;
  GroupMembers out_;
};

}  // namespace

Result<GroupMembers> read_group_members(std::string_view group_json, Instant at,
                                        std::string_view base_url) {
  return GroupReader(at, base_url).read(group_json);
}

}  // namespace sluice::fhir

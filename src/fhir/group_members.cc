#include "fhir/group_members.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "fhir/cohort_text.h"
#include "fhir/reference.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

// What the store holds went through the reader, so this is no limit but a promise.
constexpr std::size_t kDepthMax = 1000;

/// The first instant behind what a date or dateTime names: "2026-05" ends when June begins.
Result<Instant> end_of(const std::string& text) {
  SLUICE_ASSIGN_OR_RETURN(const Instant begin, parse_fhir_instant(text));
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

// The longest absolute URL that is kept: far longer than any that ends in an id of ours.
constexpr std::size_t kUrlMax = 1024;
constexpr std::size_t kPeriodSize = 16;

static_assert(sizeof(MemberPeriod) == kPeriodSize && std::endian::native == std::endian::little);

void append_period(std::string& out, const MemberPeriod& period) {
  out.append(reinterpret_cast<const char*>(&period), kPeriodSize);
}

MemberPeriod read_period(const char* bytes) {
  MemberPeriod period;
  std::memcpy(&period, bytes, kPeriodSize);
  return period;
}

bool is_always(const MemberPeriod& period) {
  return period.from == kSinceEver && period.to == kForEver;
}

/// Whether an absolute URL can name a patient or a group of ours, by another name of the server.
bool may_be_ours(std::string_view url) {
  if (url.size() > kUrlMax || url.find("://") == std::string_view::npos) return false;
  for (const std::string_view type : {"/Patient/", "/Group/"}) {
    const std::size_t at = url.rfind(type);
    if (at == std::string_view::npos) continue;
    return parse_reference(url.substr(at + 1)).has_value();
  }
  return false;
}

/// Takes the members of a Group apart. The entries are kept in one block of memory, because there
/// may be a million.
class MembersReader {
 public:
  MembersReader(const JsonTokens& tokens, std::string_view base_url,
                ResourceType subject = types::kPatient)
      : tokens_(tokens), base_url_(base_url), subject_(subject) {}

  std::string read() {
    each_stated([] { return true; });
    return sorted();
  }

  /// Whether there is a subject who is a member at the instant.
  bool has_subject(Instant at) {
    bool found = false;
    each_stated([&] {
      if (starts_.empty()) return true;
      const std::string_view key = key_at(starts_.back());
      found = read_be16(key.data()) == subject_.code &&
              read_period(block_.data() + starts_.back() + 2 + key.size()).contains(at);
      starts_.clear();
      block_.clear();
      return !found;
    });
    return found;
  }

  /// The token of the value of a member of the object at `object`; 0 for none.
  std::size_t member(std::size_t object, std::string_view name) const {
    std::size_t found = 0;
    (void)each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (means(tokens_.raw_string(key), name)) found = value;
      return {};
    });
    return found;
  }

 private:
  /// Reads one element of `member` after the other, until `wants_more` says no.
  template <class WantsMore>
  void each_stated(WantsMore wants_more) {
    const std::size_t members = member(0, "member");
    if (members == 0 || tokens_.first(members) != '[') return;
    (void)each_element(tokens_, members, [&](std::size_t value) -> Result<void> {
      if (tokens_.first(value) == '{') read_member(value);
      if (wants_more()) return {};
      return Error{ErrorKind::kCancelled, "enough"};
    });
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
    MemberPeriod stated{kSinceEver, kForEver};
    if (period != 0 && !read_member_period(period, stated)) return;
    if (entity == 0 || tokens_.first(entity) != '{') return;
    const std::size_t text = member(entity, "reference");
    if (text == 0 || tokens_.first(text) != '"') return;
    const std::string_view raw = tokens_.raw_string(text);
    const std::string unescaped =
        raw.find('\\') == std::string_view::npos ? std::string() : unescape(raw);
    add(unescaped.empty() ? raw : unescaped, stated);
  }

  void add(std::string_view text, const MemberPeriod& period) {
    const auto reference = parse_reference(text, base_url_);
    if (!reference && !may_be_ours(text)) return;
    if (reference && reference->type != subject_ && reference->type != types::kGroup) return;
    starts_.push_back(block_.size());
    const std::string_view id = reference ? reference->id : text;
    append_be16(block_, static_cast<std::uint16_t>(id.size() + 2));
    append_be16(block_, reference ? reference->type.code : kUrlMember);
    block_ += id;
    append_period(block_, period);
  }

  std::string_view key_at(std::size_t start) const {
    return std::string_view(block_).substr(start + 2, read_be16(block_.data() + start));
  }

  std::string sorted() {
    const auto key_less = [&](std::size_t a, std::size_t b) { return key_at(a) < key_at(b); };
    if (!std::is_sorted(starts_.begin(), starts_.end(), key_less))
      std::sort(starts_.begin(), starts_.end(), key_less);
    std::string out;
    out.reserve(block_.size());
    std::vector<MemberPeriod> periods;
    for (std::size_t i = 0; i < starts_.size();) {
      const std::string_view key = key_at(starts_[i]);
      periods.clear();
      for (; i < starts_.size() && key_at(starts_[i]) == key; ++i)
        periods.push_back(read_period(block_.data() + starts_[i] + 2 + key.size()));
      merge(periods);
      if (!periods.empty()) append_entry(out, key, periods);
    }
    return out;
  }

  // Sorts, joins what overlaps or touches, drops what is empty.
  static void merge(std::vector<MemberPeriod>& periods) {
    std::erase_if(periods, [](const MemberPeriod& p) { return p.to <= p.from; });
    std::sort(periods.begin(), periods.end(),
              [](const MemberPeriod& a, const MemberPeriod& b) { return a.from < b.from; });
    std::size_t last = 0;
    for (std::size_t i = 1; i < periods.size(); ++i) {
      if (periods[i].from <= periods[last].to)
        periods[last].to = std::max(periods[last].to, periods[i].to);
      else
        periods[++last] = periods[i];
    }
    if (!periods.empty()) periods.resize(last + 1);
  }

  static void append_entry(std::string& out, std::string_view key,
                           const std::vector<MemberPeriod>& periods) {
    append_be16(out, static_cast<std::uint16_t>(key.size()));
    out += key;
    if (is_always(periods.front())) {
      append_be32(out, 0);
      return;
    }
    append_be32(out, static_cast<std::uint32_t>(periods.size()));
    for (const auto& period : periods) append_period(out, period);
  }

  /// False when the period cannot be understood.
  bool read_member_period(std::size_t period, MemberPeriod& out) const {
    if (tokens_.first(period) != '{') return false;
    const std::size_t start = member(period, "start");
    const std::size_t end = member(period, "end");
    if (start != 0) {
      if (tokens_.first(start) != '"') return false;
      const auto from = parse_fhir_instant(unescape(tokens_.raw_string(start)));
      if (!from) return false;
      out.from = *from;
    }
    if (end != 0) {
      if (tokens_.first(end) != '"') return false;
      const auto to = end_of(unescape(tokens_.raw_string(end)));
      if (!to) return false;
      out.to = *to;
    }
    return true;
  }

  const JsonTokens& tokens_;
  const std::string_view base_url_;
  const ResourceType subject_;
  std::string block_;                // key size, key, period, again and again
  std::vector<std::size_t> starts_;  // of the entries in block_
};

}  // namespace

std::optional<MemberPeriod> MemberPeriods::at(Instant at) const {
  if (encoded_.empty()) return MemberPeriod{kSinceEver, kForEver};
  for (std::size_t i = 0; i + kPeriodSize <= encoded_.size(); i += kPeriodSize) {
    const MemberPeriod period = read_period(encoded_.data() + i);
    if (period.contains(at)) return period;
  }
  return std::nullopt;
}

std::string encode_members(ResourceType subject, const std::vector<std::string>& ids) {
  std::string out;
  for (const auto& id : ids) {
    append_be16(out, static_cast<std::uint16_t>(id.size() + 2));
    append_be16(out, subject.code);
    out += id;
    append_be32(out, 0);  // no periods: always
  }
  return out;
}

std::string encode_members(const JsonTokens& tokens, std::string_view base_url) {
  // The members of a Group with an unknown modifier cannot be known: exports evaluate it as a
  // cohort, which fails with the reason.
  if (may_be_cohort(tokens.text()) && (is_cohort(tokens) || unknown_modifier(tokens)))
    return encode_members({kPendingCohort}, {"pending"});
  return MembersReader(tokens, base_url).read();
}

std::optional<EncodedMember> EncodedMembers::next() {
  if (rest_.size() < 2) return std::nullopt;
  const std::size_t key_size = read_be16(rest_.data());
  if (rest_.size() < 6 + key_size) return std::nullopt;
  const std::size_t periods_size = kPeriodSize * read_be32(rest_.data() + 2 + key_size);
  if (rest_.size() < 6 + key_size + periods_size) return std::nullopt;
  const EncodedMember entry{rest_.substr(2, key_size), rest_.substr(6 + key_size, periods_size)};
  rest_.remove_prefix(6 + key_size + periods_size);
  return entry;
}

namespace {

Result<void> read_group(std::string_view group_json, JsonTokens& tokens) {
  if (!tokens.read(group_json) || !check_json_object(tokens, kDepthMax))
    return corrupt("stored Group: not JSON");
  if (string_member(tokens, 0, "resourceType") != "Group")
    return corrupt("stored Group: another resource");
  return {};
}

}  // namespace

Result<bool> has_group_member(std::string_view group_json, Instant at, std::string_view base_url,
                              ResourceType subject) {
  JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(read_group(group_json, tokens));
  return MembersReader(tokens, base_url, subject).has_subject(at);
}

Result<GroupMembers> read_group_members(std::string_view group_json, Instant at,
                                        std::string_view base_url, ResourceType subject) {
  JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(read_group(group_json, tokens));
  const std::string members = MembersReader(tokens, base_url, subject).read();
  GroupMembers out;
  EncodedMembers entries(members);
  while (const auto entry = entries.next()) {
    if (!MemberPeriods(entry->periods).at(at)) continue;
    const ResourceType member{read_be16(entry->key.data())};
    if (member == subject) out.subjects.emplace_back(entry->key.substr(2));
    if (member == types::kGroup) out.groups.emplace_back(entry->key.substr(2));
  }
  return out;
}

}  // namespace sluice::fhir

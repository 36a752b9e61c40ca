#include "fhir/bundle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_map>

#include "fhir/bundle_links.h"
#include "fhir/reference.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

// A resource may be nested as deep as the reader of resources allows; the Bundle adds three levels.
constexpr std::size_t kDepthMax = 110;

constexpr std::string_view kUuid = "urn:uuid:";

using Kind = BundleEntry::Kind;

/// One entry as the Bundle has it.
struct Entry {
  std::size_t index = 0;
  std::size_t resource = 0;  // its token; 0: none
  std::string full_url;
  std::optional<ResourceType> type;
  std::string id;       // its own, or the fullUrl's; empty: none
  bool has_id = false;  // of its own
  Kind kind = Kind::kPut;
  std::string condition;
  std::string problem;
};

/// The parts of an entry, as tokens; 0 for one that is not there.
struct Parts {
  std::size_t resource = 0;
  std::size_t full_url = 0;
  std::size_t request = 0;
  std::size_t search = 0;
};

/// "http://server/fhir/" of "http://server/fhir/Patient/1"; empty for what is no such URL.
std::string_view server_of(std::string_view full_url) {
  const std::size_t id = full_url.rfind('/');
  if (id == std::string_view::npos || id == 0) return {};
  const std::size_t type = full_url.rfind('/', id - 1);
  if (type == std::string_view::npos || !parse_reference(full_url.substr(type + 1))) return {};
  return full_url.substr(0, type + 1);
}

class BundleReader {
 public:
  Result<BundleContent> read(std::string_view json) {
    SLUICE_RETURN_IF_ERROR(tokens_.read(json));
    SLUICE_ASSIGN_OR_RETURN(const JsonTraits traits, check_json_object(tokens_, kDepthMax));
    (void)traits;
    SLUICE_RETURN_IF_ERROR(read_root());
    for (const Entry& entry : entries_) SLUICE_RETURN_IF_ERROR(learn_full_url(entry));
    choose_newest();
    BundleContent out;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!is_newest_[i]) {
        ++out.older_versions;
        continue;
      }
      SLUICE_ASSIGN_OR_RETURN(auto entry, write(entries_[i]));
      out.entries.push_back(std::move(entry));
    }
    return out;
  }

 private:
  static Error bad_entry(std::size_t index, std::string_view what) {
    return invalid(fmt::format("Bundle.entry[{}]: {}", index, what));
  }

  /// Sets `place` to the token of a member's value, unless the member was there already.
  static bool take(std::size_t& place, std::size_t value) {
    if (place != 0) return false;
    place = value;
    return true;
  }

  Result<void> read_root() {
    std::size_t type = 0;
    std::size_t entry = 0;
    SLUICE_RETURN_IF_ERROR(
        each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string_view name = tokens_.raw_string(key);
          if ((means(name, "resourceType") && !take(type, value)) ||
              (means(name, "entry") && !take(entry, value))) {
            return invalid("Bundle: a key stands twice in one object");
          }
          return {};
        }));
    if (type == 0 || tokens_.first(type) != '"' || !means(tokens_.raw_string(type), "Bundle")) {
      return invalid("resourceType is not Bundle");
    }
    type_ = string_member(tokens_, 0, "type").value_or("");
    if (entry == 0) return {};
    if (tokens_.first(entry) != '[') return invalid("Bundle.entry is not an array");
    std::size_t index = 0;
    return each_element(tokens_, entry, [&](std::size_t value) -> Result<void> {
      return read_entry(index++, value);
    });
  }

  bool is_history() const { return type_ == "history"; }

  Result<void> read_entry(std::size_t index, std::size_t object) {
    if (tokens_.first(object) != '{') return bad_entry(index, "not an object");
    Parts parts;
    SLUICE_RETURN_IF_ERROR(
        each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string_view name = tokens_.raw_string(key);
          if ((means(name, "resource") && !take(parts.resource, value)) ||
              (means(name, "fullUrl") && !take(parts.full_url, value)) ||
              (means(name, "request") && !take(parts.request, value)) ||
              (means(name, "search") && !take(parts.search, value))) {
            return bad_entry(index, "a key stands twice in one object");
          }
          return {};
        }));
    Entry entry;
    entry.index = index;
    entry.resource = parts.resource;
    if (parts.resource != 0 && tokens_.first(parts.resource) != '{')
      return bad_entry(index, "resource is not an object");
    if (parts.full_url != 0) {
      if (tokens_.first(parts.full_url) != '"') return bad_entry(index, "fullUrl is not a string");
      entry.full_url = unescape(tokens_.raw_string(parts.full_url));
    }
    // What a server says of a search is no data.
    if (member_text(parts.search, "mode") == "outcome") return {};
    identify(entry);
    if (parts.request != 0) {
      if (tokens_.first(parts.request) != '{') return bad_entry(index, "request is not an object");
      SLUICE_RETURN_IF_ERROR(read_request(parts.request, entry));
    }
    const bool is_wanted =
        entry.resource != 0 || entry.kind == Kind::kDelete || entry.kind == Kind::kProblem;
    if (is_wanted) entries_.push_back(std::move(entry));
    return {};
  }

  std::string member_text(std::size_t object, std::string_view name) const {
    if (object == 0 || tokens_.first(object) != '{') return {};
    return string_member(tokens_, object, name).value_or("");
  }

  void identify(Entry& entry) const {
    if (entry.resource == 0) return;
    entry.type = find_resource_type(member_text(entry.resource, "resourceType"));
    if (auto id = string_member(tokens_, entry.resource, "id")) {
      entry.id = std::move(*id);
      entry.has_id = true;
    } else if (entry.full_url.starts_with(kUuid)) {
      entry.id = entry.full_url.substr(kUuid.size());
    } else if (const auto server = server_of(entry.full_url); !server.empty()) {
      const auto named = parse_reference(std::string_view(entry.full_url).substr(server.size()));
      if (named->type == entry.type) entry.id = named->id;
    }
  }

  Result<void> read_request(std::size_t request, Entry& entry) {
    const std::string method = member_text(request, "method");
    const std::string url = member_text(request, "url");
    if (is_history()) {
      if (method == "DELETE") read_deletion(url, entry);
      return {};
    }
    if (method == "DELETE" || method == "PATCH") {
      auto problem = fmt::format("request.method {} is not an addition", method);
      if (type_ != "batch") return bad_entry(entry.index, problem);
      entry.kind = Kind::kProblem;
      entry.problem = std::move(problem);
    } else if (method == "POST") {
      read_condition(Kind::kCreateIfNone, member_text(request, "ifNoneExist"), entry);
    } else if (method == "PUT" && url.find('?') != std::string::npos) {
      read_condition(Kind::kUpdateFound, url, entry);
    }
    return {};
  }

  // A version that is a deletion has no resource; its request says which it was.
  void read_deletion(const std::string& url, Entry& entry) const {
    auto deleted = parse_reference_to_any_server(url);
    if (!deleted) deleted = parse_reference_to_any_server(entry.full_url);
    entry.resource = 0;
    if (!deleted) {
      entry.kind = Kind::kProblem;
      entry.problem = "request.url of a deletion is no Type/id";
      return;
    }
    entry.kind = Kind::kDelete;
    entry.type = deleted->type;
    entry.id = deleted->id;
  }

  // "identifier=a|b", or with the type, or with a server too, in front.
  static void read_condition(Kind kind, std::string_view text, Entry& entry) {
    if (text.empty() || !entry.type) return;
    const std::string_view type = type_name(*entry.type);
    const std::size_t mark = text.find('?');
    if (mark != std::string_view::npos) {
      const std::string_view path = text.substr(0, mark);
      const bool is_of_type = path.empty() || path == type ||
                              (path.ends_with(type) && path[path.size() - type.size() - 1] == '/');
      // Else the mark is one of the query.
      if (is_of_type) {
        text.remove_prefix(mark + 1);
      } else if (kind == Kind::kUpdateFound) {
        entry.kind = Kind::kProblem;
        entry.problem = "request.url is one of another type than the resource";
        return;
      }
    }
    entry.kind = kind;
    entry.condition = fmt::format("{}?{}", type, text);
  }

  /// The bytes of the object that begins with token `object`.
  std::string_view bytes(std::size_t object) const {
    const std::size_t begin = tokens_.begin(object);
    return tokens_.text().substr(begin, tokens_.begin(tokens_.closing(object)) + 1 - begin);
  }

  static bool is_same_resource(const Entry& one, const Entry& other) {
    return one.type && !one.id.empty() && one.type == other.type && one.id == other.id;
  }

  Result<void> learn_full_url(const Entry& entry) {
    if (entry.full_url.empty() || entry.kind == Kind::kDelete) return {};
    const auto [known, is_new] = by_full_url_.try_emplace(entry.full_url);
    Target& target = known->second;
    if (!is_new) {
      // Versions of one resource share it.
      if (entry.resource == 0 || target.entry->resource == 0 ||
          (entry.has_id && is_same_resource(*target.entry, entry)) ||
          bytes(target.entry->resource) == bytes(entry.resource))
        return {};
      return bad_entry(entry.index, "its fullUrl is another resource's too");
    }
    target.entry = &entry;
    // A resource without type or id will be refused by its reader: nothing to refer to.
    if (!entry.condition.empty()) {
      target.link = fmt::format("urn:sluice:entry:{}", entry.index);
    } else if (entry.type && is_valid_id(entry.id)) {
      target.link = fmt::format("{}/{}", type_name(*entry.type), entry.id);
    }
    return {};
  }

  static std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  std::optional<std::uint64_t> version_of(const Entry& entry) const {
    std::string text;
    (void)each_member(tokens_, entry.resource,
                      [&](std::size_t key, std::size_t value) -> Result<void> {
                        if (means(tokens_.raw_string(key), "meta"))
                          text = member_text(value, "versionId");
                        return {};
                      });
    return number(text);
  }

  // Whether `later`, which comes behind `known`, is the newer version.
  bool is_newer(const Entry& later, const Entry& known) const {
    if (is_history()) return false;  // the newest come first
    const auto one = version_of(later);
    const auto other = version_of(known);
    return !one || !other || *one >= *other;
  }

  void choose_newest() {
    is_newest_.assign(entries_.size(), true);
    std::map<std::pair<ResourceType, std::string_view>, std::size_t> newest;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      const bool is_version = entry.kind == Kind::kPut || entry.kind == Kind::kDelete;
      if (!is_version || !entry.type || entry.id.empty()) continue;
      const auto [known, is_first] = newest.try_emplace({*entry.type, entry.id}, i);
      if (is_first) continue;
      const bool replaces = is_newer(entry, entries_[known->second]);
      is_newest_[replaces ? known->second : i] = false;
      if (replaces) known->second = i;
    }
  }

  Result<BundleEntry> write(const Entry& entry) const {
    BundleEntry out;
    out.index = entry.index;
    out.kind = entry.kind;
    out.condition = entry.condition;
    out.problem = entry.problem;
    if (entry.kind == Kind::kDelete) out.deleted = {*entry.type, entry.id};
    if (entry.resource == 0 || entry.kind == Kind::kProblem) return out;
    if (!entry.has_id) out.id_if_missing = entry.id;
    SLUICE_RETURN_IF_ERROR(rewrite_links(
        tokens_, entry.resource,
        [&](LinkPlace, std::string_view text) -> Result<std::optional<std::string>> {
          const Target* target = find_target(entry, text);
          if (target == nullptr) return std::nullopt;
          const std::pair link(target->link, target->entry->condition);
          if (!link.second.empty() &&
              std::find(out.links.begin(), out.links.end(), link) == out.links.end())
            out.links.push_back(link);
          return target->link;
        },
        out.json));
    return out;
  }

  struct Target {
    const Entry* entry = nullptr;
    std::string link;  // empty when links to it stay as they are
  };

  /// What a link's text means; null if it stays.
  const Target* find_target(const Entry& from, std::string_view text) const {
    if (by_full_url_.empty()) return nullptr;
    auto known = by_full_url_.find(std::string(text));
    if (known == by_full_url_.end() && parse_reference(text)) {
      const std::string_view server = server_of(from.full_url);
      if (!server.empty()) known = by_full_url_.find(std::string(server).append(text));
    }
    if (known == by_full_url_.end() || known->second.link.empty()) return nullptr;
    return &known->second;
  }

  JsonTokens tokens_;
  std::string type_;
  std::vector<Entry> entries_;
  std::vector<bool> is_newest_;
  std::unordered_map<std::string, Target> by_full_url_;
};

}  // namespace

Result<BundleContent> read_bundle(std::string_view json) {
  return BundleReader().read(json);
}

}  // namespace sluice::fhir

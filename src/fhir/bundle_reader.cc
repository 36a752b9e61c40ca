#include "fhir/bundle_reader.h"

#include <fmt/format.h>

#include <optional>
#include <unordered_map>

#include "fhir/json_check.h"
#include "fhir/json_tokens.h"
#include "fhir/json_walk.h"
#include "fhir/resource_type.h"

namespace sluice::fhir {
namespace {

// A resource may be nested as deep as the reader of resources allows; the Bundle adds three levels.
constexpr std::size_t kDepthMax = 110;

constexpr std::string_view kUuid = "urn:uuid:";
constexpr std::string_view kOid = "urn:oid:";

/// One entry as tokens of the Bundle; 0 for a part that is not there.
struct Entry {
  std::size_t index = 0;
  std::size_t resource = 0;
  std::string full_url;
};

class BundleReader {
 public:
  Result<std::vector<BundleEntry>> read(std::string_view json) {
    SLUICE_CHECK(tokens_.read(json));
    SLUICE_TRY(const JsonTraits traits, check_json_object(tokens_, kDepthMax));
    (void)traits;
    SLUICE_CHECK(read_root());
    for (const Entry& entry : entries_) SLUICE_CHECK(learn_full_url(entry));
    std::vector<BundleEntry> out;
    out.reserve(entries_.size());
    for (const Entry& entry : entries_) out.push_back(write(entry));
    return out;
  }

 private:
  static Error bad_entry(std::size_t index, std::string_view what) {
    return invalid(fmt::format("Bundle.entry[{}]: {}", index, what));
  }

  /// Sets `place` to the token of a member's value, unless the member was there already.
  bool take(std::size_t& place, std::size_t value) {
    if (place != 0) return false;
    place = value;
    return true;
  }

  Result<void> read_root() {
    std::size_t type = 0;
    std::size_t entry = 0;
    SLUICE_CHECK(each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
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
    if (entry == 0) return {};
    if (tokens_.first(entry) != '[') return invalid("Bundle.entry is not an array");
    std::size_t index = 0;
    return each_element(tokens_, entry, [&](std::size_t value) -> Result<void> {
      return read_entry(index++, value);
    });
  }

  Result<void> read_entry(std::size_t index, std::size_t object) {
    if (tokens_.first(object) != '{') return bad_entry(index, "not an object");
    std::size_t resource = 0;
    std::size_t full_url = 0;
    std::size_t request = 0;
    SLUICE_CHECK(
        each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
          const std::string_view name = tokens_.raw_string(key);
          if ((means(name, "resource") && !take(resource, value)) ||
              (means(name, "fullUrl") && !take(full_url, value)) ||
              (means(name, "request") && !take(request, value))) {
            return bad_entry(index, "a key stands twice in one object");
          }
          return {};
        }));
    if (request != 0) SLUICE_CHECK(check_request(index, request));
    if (resource == 0) return {};
    if (tokens_.first(resource) != '{') return bad_entry(index, "resource is not an object");
    Entry entry{index, resource, {}};
    if (full_url != 0) {
      if (tokens_.first(full_url) != '"') return bad_entry(index, "fullUrl is not a string");
      entry.full_url = unescape(tokens_.raw_string(full_url));
    }
    entries_.push_back(std::move(entry));
    return {};
  }

  Result<void> check_request(std::size_t index, std::size_t request) {
    if (tokens_.first(request) != '{') return bad_entry(index, "request is not an object");
    return each_member(tokens_, request, [&](std::size_t key, std::size_t value) -> Result<void> {
      if (!means(tokens_.raw_string(key), "method") || tokens_.first(value) != '"') return {};
      const std::string method = unescape(tokens_.raw_string(value));
      if (method != "DELETE" && method != "PATCH") return {};
      return bad_entry(index, fmt::format("request.method {} is not an addition", method));
    });
  }

  /// The bytes of the object that begins with token `object`.
  std::string_view bytes(std::size_t object) const {
    const std::size_t begin = tokens_.begin(object);
    return tokens_.text().substr(begin, tokens_.begin(tokens_.closing(object)) + 1 - begin);
  }

  static std::string_view id_in(std::string_view full_url) {
    return full_url.starts_with(kUuid) ? full_url.substr(kUuid.size()) : std::string_view();
  }

  Result<void> learn_full_url(const Entry& entry) {
    if (entry.full_url.empty()) return {};
    const auto [known, is_new] = by_full_url_.try_emplace(entry.full_url);
    if (!is_new) {
      if (bytes(known->second.resource) == bytes(entry.resource)) return {};
      return bad_entry(entry.index, "its fullUrl is another resource's too");
    }
    Target& target = known->second;
    target.resource = entry.resource;
    if (!entry.full_url.starts_with(kUuid) && !entry.full_url.starts_with(kOid)) return {};
    const auto type =
        find_resource_type(string_member(tokens_, entry.resource, "resourceType").value_or(""));
    const std::string id =
        string_member(tokens_, entry.resource, "id").value_or(std::string(id_in(entry.full_url)));
    // A resource without type or id will be refused by its reader: nothing to refer to.
    if (type && is_valid_id(id)) target.reference = fmt::format("{}/{}", type_name(*type), id);
    return {};
  }

  BundleEntry write(const Entry& entry) const {
    BundleEntry out;
    out.index = entry.index;
    if (!string_member(tokens_, entry.resource, "id")) out.id_if_missing = id_in(entry.full_url);
    const std::size_t last = tokens_.closing(entry.resource);
    std::size_t done = tokens_.begin(entry.resource);
    for (std::size_t i = entry.resource; i < last; ++i) {
      // A string before a colon is a key.
      if (tokens_.first(i) != '"' || tokens_.first(i + 1) != ':') continue;
      const std::size_t value = i + 2;
      if (tokens_.first(value) != '"' || !means(tokens_.raw_string(i), "reference")) continue;
      const std::string* reference = resolve(tokens_.raw_string(value));
      if (reference == nullptr) continue;
      const std::size_t begin = tokens_.begin(value) + 1;
      out.json.append(tokens_.text().substr(done, begin - done)).append(*reference);
      done = begin + tokens_.raw_string(value).size();
    }
    out.json.append(tokens_.text().substr(done, tokens_.begin(last) + 1 - done));
    return out;
  }

  /// What a reference's text becomes; null if it stays.
  const std::string* resolve(std::string_view raw) const {
    const auto known = by_full_url_.find(raw.find('\\') == std::string_view::npos ? std::string(raw)
                                                                                  : unescape(raw));
    if (known == by_full_url_.end() || known->second.reference.empty()) return nullptr;
    return &known->second.reference;
  }

  struct Target {
    std::size_t resource = 0;
    std::string reference;  // "Type/id"; empty when references to it stay as they are
  };

  JsonTokens tokens_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, Target> by_full_url_;
};

}  // namespace

Result<std::vector<BundleEntry>> read_bundle(std::string_view json) {
  return BundleReader().read(json);
}

}  // namespace sluice::fhir

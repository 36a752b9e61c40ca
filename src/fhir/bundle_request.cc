#include "fhir/bundle_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::fhir {
namespace {

// A resource may be nested as deep as the reader of resources allows; the Bundle adds three levels.
constexpr std::size_t kDepthMax = 110;
constexpr std::size_t kShownMax = 64;  // of a client's text in a message
constexpr std::size_t kFullUrlMax = 4u << 10;
constexpr std::size_t kUrlMax = 256u << 10;       // with a search, which may list many ids
constexpr std::size_t kConditionMax = 16u << 10;  // an entity tag, a method, an instant

// What R4 has beside what is read: it says nothing of what shall be done.
constexpr std::array<std::string_view, 9> kUnreadOfBundle = {
    "id",        "meta",  "implicitRules", "language", "identifier",
    "timestamp", "total", "link",          "signature"};
constexpr std::array<std::string_view, 3> kUnreadOfEntry = {"id", "extension", "link"};

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Error about_entry(std::size_t index, Error error) {
  error.message = fmt::format("Bundle.entry[{}]: {}", index, error.message);
  return error;
}

Result<BundleRequest> BundleRequest::read(std::string_view json) {
  BundleRequest bundle;
  SLUICE_RETURN_IF_ERROR(bundle.tokens_.read(json));
  SLUICE_RETURN_IF_ERROR(check_json_object(bundle.tokens_, kDepthMax));
  SLUICE_RETURN_IF_ERROR(bundle.read_root());
  return bundle;
}

std::string_view BundleRequest::resource_of(const BundleRequestEntry& entry) const {
  const std::size_t begin = tokens_.begin(entry.resource);
  return tokens_.text().substr(begin, tokens_.begin(tokens_.closing(entry.resource)) + 1 - begin);
}

Error BundleRequest::bad_entry(std::string_view what) const {
  return about_entry(entries_.size(), invalid(std::string(what)));
}

Result<std::string> BundleRequest::string_at(std::size_t value, std::string_view name) const {
  if (tokens_.first(value) == '"') return unescape(tokens_.raw_string(value));
  return invalid(fmt::format("{} is not a string", name));
}

Result<void> BundleRequest::read_root() {
  std::size_t type = 0;
  std::size_t resource_type = 0;
  std::size_t entry = 0;
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string name = unescape(tokens_.raw_string(key));
        std::size_t* const place = name == "type"           ? &type
                                   : name == "resourceType" ? &resource_type
                                   : name == "entry"        ? &entry
                                                            : nullptr;
        if (place == nullptr) {
          if (is_one_of(kUnreadOfBundle, name)) return {};
          return invalid(
              fmt::format("'{}' is not an element of Bundle", shortened(name, kShownMax)));
        }
        if (*place != 0) return invalid("Bundle: a key stands twice in one object");
        *place = value;
        return {};
      }));
  const auto is = [&](std::size_t value, std::string_view text) {
    return value != 0 && tokens_.first(value) == '"' && means(tokens_.raw_string(value), text);
  };
  if (!is(resource_type, "Bundle")) return invalid("resourceType is not Bundle");
  if (!is(type, "transaction") && !is(type, "batch")) {
    const bool is_text = type != 0 && tokens_.first(type) == '"';
    return invalid(fmt::format("Bundle.type '{}' is neither transaction nor batch",
                               is_text ? shortened(tokens_.raw_string(type), 32) : ""));
  }
  kind_ = is(type, "batch") ? Kind::kBatch : Kind::kTransaction;
  if (entry == 0) return {};
  if (tokens_.first(entry) != '[') return invalid("Bundle.entry is not an array");
  SLUICE_RETURN_IF_ERROR(
      each_element(tokens_, entry, [&](std::size_t value) { return read_entry(value); }));
  return {};
}

Result<void> BundleRequest::read_entry(std::size_t object) {
  if (entries_.size() == kBundleEntriesMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a Bundle has at most {} entries", kBundleEntriesMax)};
  if (tokens_.first(object) != '{') return bad_entry("not an object");
  BundleRequestEntry entry;
  std::size_t request = 0;
  bool has_full_url = false;
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string name = unescape(tokens_.raw_string(key));
        if (name == "resource") {
          if (entry.resource != 0) return bad_entry("a key stands twice in one object");
          if (tokens_.first(value) != '{') return bad_entry("resource is not an object");
          entry.resource = value;
        } else if (name == "request") {
          if (request != 0) return bad_entry("a key stands twice in one object");
          if (tokens_.first(value) != '{') return bad_entry("request is not an object");
          request = value;
        } else if (name == "fullUrl") {
          if (has_full_url) return bad_entry("a key stands twice in one object");
          has_full_url = true;
          auto text = string_at(value, name);
          if (!text) return bad_entry(text.error().message);
          if (text->size() > kFullUrlMax)
            return bad_entry(fmt::format("fullUrl has more than {} bytes", kFullUrlMax));
          entry.full_url = std::move(*text);
        } else if (!is_one_of(kUnreadOfEntry, name)) {
          return bad_entry(fmt::format("'{}' is not known in an entry of a request",
                                       shortened(name, kShownMax)));
        }
        return {};
      }));
  if (request == 0) return bad_entry("request is missing");
  SLUICE_RETURN_IF_ERROR(read_interaction(request, entry));
  entries_.push_back(std::move(entry));
  return {};
}

Result<void> BundleRequest::read_interaction(std::size_t object, BundleRequestEntry& entry) {
  std::optional<std::string> method;
  std::optional<std::string> url;
  const std::pair<std::string_view, std::optional<std::string>*> places[] = {
      {"method", &method},
      {"url", &url},
      {"ifNoneMatch", &entry.if_none_match},
      {"ifModifiedSince", &entry.if_modified_since},
      {"ifMatch", &entry.if_match},
      {"ifNoneExist", &entry.if_none_exist},
  };
  SLUICE_RETURN_IF_ERROR(
      each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
        const std::string name = unescape(tokens_.raw_string(key));
        if (name == "id" || name == "extension") return {};
        const auto* const place =
            std::find_if(std::begin(places), std::end(places),
                         [&](const auto& known) { return known.first == name; });
        if (place == std::end(places))
          return bad_entry(fmt::format("request.{} is not known", shortened(name, kShownMax)));
        if (*place->second) return bad_entry("a key stands twice in one object");
        auto text = string_at(value, "request." + name);
        if (!text) return bad_entry(text.error().message);
        const bool is_search = name == "url" || name == "ifNoneExist";
        const std::size_t size_max = is_search ? kUrlMax : kConditionMax;
        if (text->size() > size_max)
          return bad_entry(fmt::format("request.{} has more than {} bytes", name, size_max));
        *place->second = std::move(*text);
        return {};
      }));
  if (!method) return bad_entry("request.method is missing");
  if (!url) return bad_entry("request.url is missing");
  entry.method = std::move(*method);
  entry.url = std::move(*url);
  return {};
}

}  // namespace sluice::fhir

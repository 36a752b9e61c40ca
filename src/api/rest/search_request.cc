#include "api/rest/search_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "base/utf8.h"
#include "search/search_parameter.h"

namespace sluice::api {
namespace {

constexpr std::size_t kIncludesMax = 50;
constexpr std::size_t kSearchParametersMax = 200;
constexpr std::size_t kSortKeysMax = 2;  // there are no others

/// Of more than `parts_max` parts one more.
std::vector<std::string_view> split(std::string_view text, std::size_t parts_max) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.push_back(text.substr(0, comma));
    if (comma == text.size() || parts.size() > parts_max) return parts;
    text.remove_prefix(comma + 1);
  }
}

Error bad_value(std::string_view name, std::string_view value, std::string_view why) {
  return invalid(fmt::format("{} '{}' {}", name, shortened(value, 128), why));
}

class Reader {
 public:
  Reader(fhir::ResourceType type, bool lenient) : lenient_(lenient), request_{.type = type} {}

  Result<void> take(const std::string& name, const std::string& value) {
    using Handler = Result<void> (Reader::*)(std::string_view);
    static const std::map<std::string_view, Handler> kHandlers = {
        {"_count", &Reader::take_count},      {"_format", &Reader::take_format},
        {"_sort", &Reader::take_sort},        {"_total", &Reader::take_total},
        {kPageParameter, &Reader::take_page},
    };
    SLUICE_ASSIGN_OR_RETURN(const bool is_of_view, request_.view.take(request_.type, name, value));
    if (is_of_view) {
      request_.understood.emplace_back(name, value);
      return {};
    }
    if (const auto known = kHandlers.find(name); known != kHandlers.end()) {
      if (!once_.insert(name).second)
        return invalid(fmt::format("the parameter '{}' is there more than once", name));
      SLUICE_RETURN_IF_ERROR((this->*known->second)(value));
      if (name != kPageParameter && name != "_count") request_.understood.emplace_back(name, value);
      return {};
    }
    const std::string_view base = std::string_view(name).substr(0, name.find_first_of(":."));
    if (base == "_include" || base == "_revinclude") return take_include(name, value);
    if (base != "_has" && search::find_parameter(request_.type, base) == nullptr) return skip(name);
    request_.filters.emplace_back(name, value);
    request_.understood.emplace_back(name, value);
    return {};
  }

  Result<SearchRequest> finish() {
    SLUICE_RETURN_IF_ERROR(request_.view.finish());
    if (request_.view.is_count()) request_.count_only = true;
    // FHIR R4, search: a narrative without its elements is nothing to include others with.
    if (request_.view.is_text() && !request_.includes.empty())
      return Error{ErrorKind::kUnsupported,
                   "_summary 'text' does not go with _include and _revinclude"};
    return std::move(request_);
  }

 private:
  Result<void> skip(const std::string& name) {
    const std::string shown(shortened(name, 64));
    if (!lenient_) {
      if (search::is_result_parameter(name) || name.starts_with('_'))
        return Error{ErrorKind::kUnsupported,
                     fmt::format("the search parameter '{}' is not supported", shown)};
      return Error{ErrorKind::kUnsupported, fmt::format("{} has no search parameter '{}'",
                                                        fhir::type_name(request_.type), shown)};
    }
    request_.skipped.push_back(shown);
    return {};
  }

  Result<void> take_count(std::string_view value) {
    std::size_t count = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (failed == std::errc::result_out_of_range)
      count = kCountMax;
    else if (failed != std::errc() || end != value.data() + value.size())
      return bad_value("_count", value, "is not a number");
    // Zero asks for the number alone (FHIR R4, search, page count).
    if (count == 0) request_.count_only = true;
    request_.count = std::clamp<std::size_t>(count, 1, kCountMax);
    request_.understood.emplace_back("_count", fmt::to_string(std::min(count, kCountMax)));
    return {};
  }

  // The media type is looked at with Accept.
  Result<void> take_format(std::string_view value) {
    request_.format = value;
    return {};
  }

  Result<void> take_sort(std::string_view value) {
    for (const auto part : split(value, kSortKeysMax)) {
      query::SortKey key;
      key.descending = part.starts_with('-');
      const std::string_view by = part.substr(key.descending ? 1 : 0);
      if (by == "_lastUpdated")
        key.by = query::SortKey::By::kLastUpdated;
      else if (by != "_id")
        return Error{ErrorKind::kUnsupported,
                     fmt::format("_sort '{}' is not supported: only _id and _lastUpdated are",
                                 shortened(part, 64))};
      if (std::any_of(request_.order.begin(), request_.order.end(),
                      [&](const query::SortKey& other) { return other.by == key.by; }))
        return bad_value("_sort", value, "names a parameter twice");
      request_.order.push_back(key);
    }
    return {};
  }

  Result<void> take_total(std::string_view value) {
    if (value != "none" && value != "estimate" && value != "accurate")
      return bad_value("_total", value, "is none of none, estimate and accurate");
    request_.wants_total = value != "none";
    return {};
  }

  Result<void> take_page(std::string_view value) {
    auto page = parse_page_link(value);
    if (!page) return std::move(page).error();
    request_.page = std::move(*page);
    return {};
  }

  Result<void> take_include(const std::string& name, const std::string& value) {
    if (request_.includes.size() == kIncludesMax)
      return invalid(fmt::format("there are more than {} includes", kIncludesMax));
    auto include = query::parse_include(request_.type, name, value);
    if (!include) return std::move(include).error();
    request_.includes.push_back(std::move(*include));
    request_.understood.emplace_back(name, value);
    return {};
  }

  const bool lenient_;
  SearchRequest request_;
  std::set<std::string, std::less<>> once_;
};

}  // namespace

Result<SearchRequest> read_search_request(fhir::ResourceType type,
                                          const http::NameValues& parameters, bool lenient) {
  if (parameters.size() > kSearchParametersMax)
    return invalid(fmt::format("a search has more than {} parameters", kSearchParametersMax));
  Reader reader(type, lenient);
  for (const auto& [name, value] : parameters) SLUICE_RETURN_IF_ERROR(reader.take(name, value));
  return reader.finish();
}

}  // namespace sluice::api

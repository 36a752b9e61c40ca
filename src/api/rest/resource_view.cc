#include "api/rest/resource_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "api/core/resource_headers.h"
#include "base/utf8.h"
#include "json/json_indent.h"

namespace sluice::api {
namespace {

// Of an answer that is laid out for people to read.
constexpr std::size_t kPrettySizeMax = 64u << 20;

constexpr std::size_t kElementsMax = 1'000;

/// Of more than kElementsMax parts one more.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, comma));
    if (comma == text.size() || parts.size() > kElementsMax) return parts;
    text.remove_prefix(comma + 1);
  }
}

Error bad_value(std::string_view name, std::string_view value, std::string_view why) {
  return invalid(fmt::format("{} '{}' is {}", name, shortened(value, 128), why));
}

}  // namespace

Result<bool> ResourceView::take(fhir::ResourceType type, std::string_view name,
                                std::string_view value) {
  if (name != "_elements" && name != "_summary" && name != "_pretty") return false;
  if (!taken_.try_emplace(std::string(name), value).second)
    return invalid(fmt::format("the parameter '{}' is there more than once", name));
  if (name == "_elements") {
    const auto elements = split(value);
    if (elements.size() > kElementsMax)
      return invalid(fmt::format("_elements has more than {} values", kElementsMax));
    SLUICE_ASSIGN_OR_RETURN(elements_, fhir::ElementsSelection::parse(elements, {type}));
  } else if (name == "_summary") {
    SLUICE_RETURN_IF_ERROR(take_summary(value));
  } else if (value == "true" || value == "false") {
    is_pretty_ = value == "true";
  } else {
    return bad_value(name, value, "neither true nor false");
  }
  return true;
}

Result<void> ResourceView::take_summary(std::string_view value) {
  if (value == "true")
    summary_ = fhir::Summary::kTrue;
  else if (value == "text")
    summary_ = fhir::Summary::kText;
  else if (value == "data")
    summary_ = fhir::Summary::kData;
  else if (value == "count")
    is_count_ = true;
  else if (value != "false")
    return bad_value("_summary", value, "none of true, text, data, count and false");
  return {};
}

Result<void> ResourceView::finish() const {
  if (!elements_ || !summary_) return {};
  return Error{ErrorKind::kUnsupported, "_elements and _summary say different things: use one"};
}

std::optional<fhir::ElementsProjector> ResourceView::projector(fhir::ResourceType type,
                                                               Role role) const {
  if (summary_) return fhir::ElementsProjector(*summary_, type);
  if (role == Role::kMatch && elements_ && elements_->applies_to(type))
    return fhir::ElementsProjector(*elements_, type);
  return std::nullopt;
}

Result<std::string> ResourceView::laid_out(std::string json) const {
  if (!is_pretty_) return json;
  auto text = fhir::indented(json, kPrettySizeMax);
  if (text) return text;
  return Error{text.error().kind, "_pretty: " + text.error().message};
}

Result<ResourceView> read_view(const http::Request& request, fhir::ResourceType type) {
  ResourceView view;
  std::optional<std::string> format;
  for (const auto& [name, value] : request.query) {
    if (name == "_format") {
      format = value;
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool is_taken, view.take(type, name, value));
    if (!is_taken) return unsupported_parameter(name);
  }
  SLUICE_RETURN_IF_ERROR(check_format(request, format));
  SLUICE_RETURN_IF_ERROR(view.finish());
  if (view.is_count())
    return Error{ErrorKind::kUnsupported, "_summary 'count' is for searches: this is one resource"};
  return view;
}

Result<std::string> shown(const ResourceView& view, fhir::ResourceType type, std::string json) {
  if (auto projector = view.projector(type)) {
    std::string projected;
    SLUICE_RETURN_IF_ERROR(projector->project(json, projected));
    json = std::move(projected);
  }
  return view.laid_out(std::move(json));
}

}  // namespace sluice::api

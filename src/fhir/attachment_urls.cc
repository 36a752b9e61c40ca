#include "fhir/attachment_urls.h"

#include <boost/json.hpp>

#include "base/json_text.h"
#include "fhir/attachment_walk.h"
#include "fhir/json_check.h"
#include "fhir/json_walk.h"
#include "fhir/reference.h"

namespace sluice::fhir {
namespace {

constexpr std::size_t kDepthMax = 100;
// Without the slash, which JSON lets write in two ways.
constexpr std::string_view kBinary = "Binary";
constexpr std::string_view kUrl = "\"url\"";

}  // namespace

bool AttachmentUrls::may_apply(std::string_view line) {
  return line.find(kBinary) != std::string_view::npos && line.find(kUrl) != std::string_view::npos;
}

Result<void> AttachmentUrls::rewrite(ResourceType type, std::string_view line, std::string& out) {
  if (!tokens_.read(line) || !check_json_object(tokens_, kDepthMax))
    return corrupt("stored resource: not JSON");
  out.clear();
  std::size_t copied = 0;
  SLUICE_CHECK(each_attachment(tokens_, type, [&](std::size_t attachment) {
    return replace_url(attachment, line, out, copied);
  }));
  out.append(line.substr(copied));
  return {};
}

Result<void> AttachmentUrls::replace_url(std::size_t attachment, std::string_view line,
                                         std::string& out, std::size_t& copied) {
  return each_member(tokens_, attachment, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens_.first(value) != '"' || !means(tokens_.raw_string(key), "url")) return {};
    const std::string url = unescape(tokens_.raw_string(value));
    const auto target = parse_reference(url, base_url_);
    if (!target || target->type != types::kBinary) return {};
    SLUICE_TRY(const std::string absolute, url_of_(target->id));
    out.append(line.substr(copied, tokens_.begin(value) - copied));
    out += json_string(absolute);
    copied = tokens_.scalar_end(value);
    return {};
  });
}

}  // namespace sluice::fhir

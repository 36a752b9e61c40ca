#include "client/sync/attachment_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "client/files/attachment_lines.h"
#include "client/files/line_rewrite.h"
#include "client/http/url.h"
#include "fhir/reference.h"

namespace sluice::client {
namespace {

bool is_binary(const std::optional<fhir::ReferenceView>& reference) {
  return reference && reference->type == fhir::types::kBinary;
}

// "Binary/[id]", perhaps of a version, of "[base]/jobs/[hexadecimal digits]/Binary/[id]", whatever
// query: how a server of ours signs the attachments of a job.
std::optional<std::string_view> binary_of_job(std::string_view url, const std::string& base) {
  constexpr std::string_view kJobs = "/jobs/";
  if (base.empty() || !url.starts_with(base)) return std::nullopt;
  url.remove_prefix(base.size());
  if (!url.starts_with(kJobs)) return std::nullopt;
  url = url.substr(kJobs.size(), url.find('?') - kJobs.size());
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto slash = url.find('/');
  if (slash == 0 || slash == std::string_view::npos ||
      !std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(slash), is_digit))
    return std::nullopt;
  url.remove_prefix(slash + 1);
  if (!is_binary(fhir::parse_reference(url))) return std::nullopt;
  return url;
}

bool has_scheme(std::string_view url) {
  const auto end = url.find_first_of(":/?#");
  return end != std::string_view::npos && url[end] == ':';
}

}  // namespace

std::string linked_url(const std::string& url, const std::string& base,
                       const std::function<bool(std::string_view)>& comes_along) {
  if (url.empty() || url.starts_with('#') || is_kept_attachment(url)) return url;
  const auto of_job = binary_of_job(url, base);
  const auto reference = of_job ? fhir::parse_reference(*of_job) : fhir::parse_reference(url, base);
  // A copy counts versions for itself, and has the newest.
  if (is_binary(reference) && comes_along(reference->id))
    return "Binary/" + std::string(reference->id);
  if (of_job) return fmt::format("{}/{}", base, *of_job);
  if (base.empty() || has_scheme(url)) return url;
  auto absolute = resolve_url(base + "/", url);
  if (!absolute) return url;
  return std::move(*absolute);
}

Result<void> link_attachments(const std::vector<std::filesystem::path>& files,
                              const std::filesystem::path& fresh, const std::string& base,
                              const std::function<bool(std::string_view)>& comes_along) {
  AttachmentReader reader;
  std::vector<AttachmentRef> refs;
  const auto change = [&](std::string_view line) -> Result<std::string> {
    refs.clear();
    // What is no resource is the load's to refuse.
    if (!reader.read(line, refs)) return std::string(line);
    std::vector<LineChange> changes;
    for (const auto& ref : refs) {
      const std::string linked = linked_url(ref.url, base, comes_along);
      if (linked != ref.url) changes.push_back(with_url(ref, linked));
    }
    return apply_changes(line, changes);
  };
  for (const auto& file : files)
    SLUICE_RETURN_IF_ERROR(rewrite_lines(file, fresh, &AttachmentReader::may_have, change));
  return {};
}

}  // namespace sluice::client

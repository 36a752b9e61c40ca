#include "search/reference_reader.h"

#include <string>
#include <utility>
#include <vector>

#include "json/json_tokens.h"
#include "search/parameter_table.h"
#include "search/path.h"
#include "search/reference_predicate.h"

namespace sluice::search {

struct ReferenceReader::Impl {
  std::vector<Path> paths;
  std::string base_url;
  fhir::JsonTokens tokens;
  std::string buffer;
};

ReferenceReader::ReferenceReader(fhir::ResourceType type,
                                 std::span<const std::string_view> parameters,
                                 std::string_view base_url)
    : impl_(std::make_unique<Impl>()) {
  for (const auto parameter : parameters)
    for (auto& path : parse_paths(row_of(type, parameter).paths))
      impl_->paths.push_back(std::move(path));
  impl_->base_url = base_url;
}

ReferenceReader::~ReferenceReader() = default;
ReferenceReader::ReferenceReader(ReferenceReader&&) noexcept = default;
ReferenceReader& ReferenceReader::operator=(ReferenceReader&&) noexcept = default;

Result<void> ReferenceReader::read(std::string_view resource, const Visit& visit) {
  if (!impl_->tokens.read(resource)) return corrupt("stored resource: not one JSON object");
  Result<void> visited;
  for (const Path& path : impl_->paths) {
    any_value(impl_->tokens, 0, path, 0, [&](std::size_t value) {
      const auto found = reference_at(impl_->tokens, value, path, impl_->base_url, impl_->buffer);
      if (found && found->local) visited = visit(found->local->type, found->local->id);
      return !visited;
    });
    if (!visited) return visited;
  }
  return {};
}

}  // namespace sluice::search

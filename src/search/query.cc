#include "search/query.h"

namespace sluice::search {

struct Query::Impl {
  fhir::ResourceType type;
  std::vector<fhir::ResourceType> other_types;
  std::optional<std::vector<std::string>> ids;
  std::optional<std::vector<std::string>> patients;
};

Result<Parameters> parse_query_string(std::string_view) {
  return Error{ErrorKind::kUnsupported, "searching is not supported"};
}
Result<Query> Query::compile(fhir::ResourceType, const Parameters&, const QueryOptions&) {
  return Error{ErrorKind::kUnsupported, "searching is not supported"};
}
Result<Query> Query::compile(fhir::ResourceType type, std::string_view raw,
                             const QueryOptions& options) {
  SLUICE_TRY(const auto parameters, parse_query_string(raw));
  return compile(type, parameters, options);
}
fhir::ResourceType Query::type() const {
  return impl_->type;
}
bool Query::matches_everything() const {
  return false;
}
const std::vector<fhir::ResourceType>& Query::other_types() const {
  return impl_->other_types;
}
bool Query::needs_resolver() const {
  return false;
}
Result<Query> Query::resolved(Resolver&) const {
  return *this;
}
const std::optional<std::vector<std::string>>& Query::ids() const {
  return impl_->ids;
}
const std::optional<std::vector<std::string>>& Query::patients() const {
  return impl_->patients;
}

}  // namespace sluice::search

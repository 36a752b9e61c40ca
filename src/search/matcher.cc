#include "search/matcher.h"

namespace sluice::search {

struct Matcher::Impl {};
Matcher::Matcher() : impl_(std::make_unique<Impl>()) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

Result<bool> Matcher::matches(const Query&, std::string_view) {
  return Error{ErrorKind::kUnsupported, "searching is not supported"};
}
Result<bool> Matcher::matches_any(std::span<const Query>, std::string_view) {
  return Error{ErrorKind::kUnsupported, "searching is not supported"};
}

}  // namespace sluice::search

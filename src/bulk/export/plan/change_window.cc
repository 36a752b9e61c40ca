#include "bulk/export/plan/change_window.h"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace sluice::bulk {
namespace {

constexpr std::uint64_t kChangesOfPart = 4'000'000;
constexpr std::uint64_t kReadChangesOfPart = 500'000;

}  // namespace

Result<ChangeWindow> change_window(const store::Store& store, const ExportRequest& request,
                                   const store::Commit& snapshot) {
  SLUICE_ASSIGN_OR_RETURN(const auto since, store.commit_at(*request.since));
  ChangeWindow window{since.sequence, snapshot.sequence};
  if (request.until) {
    SLUICE_ASSIGN_OR_RETURN(const auto until,
                            store.commit_at(*request.until + std::chrono::milliseconds(-1)));
    window.up_to = std::min(window.up_to, until.sequence);
  }
  window.after = std::min(window.after, window.up_to);
  return window;
}

Result<void> each_put_since(const store::Store& store, const ExportRequest& request,
                            const store::Commit& snapshot,
                            const std::function<Result<void>(std::uint64_t)>& step,
                            const std::function<void(const store::Change&)>& visit) {
  SLUICE_ASSIGN_OR_RETURN(const auto since, store.commit_at(*request.since));
  SLUICE_ASSIGN_OR_RETURN(const auto log, store.changes(since.sequence, snapshot.sequence));
  store::Change change;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, log->next(change));
    if (!more) return {};
    SLUICE_RETURN_IF_ERROR(step(kChangeBytes));
    if (change.kind == store::ChangeKind::kPut) visit(change);
  }
}

unsigned part_of(const store::Change& change, unsigned parts) {
  return static_cast<unsigned>((std::hash<std::string_view>()(change.id) + change.type.code) %
                               parts);
}

unsigned deletion_parts(std::uint64_t changes, bool reads) {
  const std::uint64_t of_part = reads ? kReadChangesOfPart : kChangesOfPart;
  return static_cast<unsigned>(
      std::clamp<std::uint64_t>((changes + of_part - 1) / of_part, 1, 10'000));
}

}  // namespace sluice::bulk

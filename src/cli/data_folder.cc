#include "cli/data_folder.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "base/file.h"
#include "base/instant.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/control_server.h"
#include "cli/load_session.h"
#include "cli/private_data.h"
#include "client/http/shown_text.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;
using Keys = std::vector<std::pair<std::string, std::string>>;

// Of one transaction, and of one message.
constexpr std::size_t kBatch = 1000;

// "process 4711 (sluice serve)": who holds the lock of a store; empty when nobody does or the
// kernel does not say.
std::string holder_of(const std::filesystem::path& data) {
  const auto path = data / "store" / "LOCK";
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct flock held {};
  held.l_type = F_WRLCK;
  held.l_whence = SEEK_SET;
  if (!file || ::fcntl(file.get(), F_GETLK, &held) != 0 || held.l_type == F_UNLCK ||
      held.l_pid <= 0)
    return "";
  std::ifstream in(fmt::format("/proc/{}/cmdline", held.l_pid), std::ios::binary);
  std::string program;
  std::string command;
  std::getline(in, program, '\0');
  std::getline(in, command, '\0');
  program = std::filesystem::path(program).filename().string();
  if (program.empty()) return fmt::format("process {}", held.l_pid);
  return client::shown_text(fmt::format("process {} ({}{}{})", held.l_pid, shortened(program, 64),
                                        command.empty() ? "" : " ", shortened(command, 64)));
}

Result<void> remove_batch(store::Store& store, std::vector<fhir::ResourceId> batch,
                          RemovalCounts& counts) {
  if (batch.empty()) return {};
  store::Transaction transaction;
  transaction.removals = std::move(batch);
  SLUICE_ASSIGN_OR_RETURN(const auto outcome, store.write(transaction));
  for (std::size_t i = 0; i < transaction.removals.size(); ++i)
    if (outcome.removals[i].status == store::PutStatus::kDeleted)
      ++counts[std::string(fhir::type_name(transaction.removals[i].type))];
  return {};
}

Result<fhir::ResourceId> read_key(const std::string& type, const std::string& id) {
  const auto known = fhir::find_resource_type(type);
  if (!known || !fhir::is_valid_id(id))
    return invalid(fmt::format("'{}/{}' is not a resource that can be deleted", shortened(type, 64),
                               shortened(id, 64)));
  return fhir::ResourceId{*known, id};
}

// ---- the server's end ----

Result<RemovalCounts> run_removal(store::Store& store, ControlChannel& channel,
                                  const std::stop_token& stop) {
  RemovalCounts counts;
  for (;;) {
    SLUICE_RETURN_IF_ERROR(channel.send({{"next", true}}, stop));
    SLUICE_ASSIGN_OR_RETURN(const auto message, channel.receive(stop));
    const auto* list = message.object.if_contains("remove");
    if (list == nullptr) return counts;
    if (!list->is_array()) return invalid("'remove' is not a list");
    std::vector<fhir::ResourceId> batch;
    for (const auto& each : list->get_array()) {
      if (!each.is_string()) return invalid("'remove' has an element that is no text");
      const std::string text(each.get_string());
      const auto slash = text.find('/');
      if (slash == std::string::npos) return invalid("'remove' has an element without a type");
      SLUICE_ASSIGN_OR_RETURN(auto key, read_key(text.substr(0, slash), text.substr(slash + 1)));
      batch.push_back(std::move(key));
    }
    SLUICE_RETURN_IF_ERROR(remove_batch(store, std::move(batch), counts));
  }
}

Result<void> audit_removal(smart::AuditLog* audit, smart::AuditOutcome outcome, std::string what) {
  if (audit == nullptr) return {};
  return audit->write(
      {.kind = smart::AuditKind::kImport, .outcome = outcome, .description = std::move(what)});
}

std::uint64_t total(const RemovalCounts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [type, count] : counts) sum += count;
  return sum;
}

// ---- the command's end ----

Result<RemovalCounts> remove_by_server(ControlChannel& channel, const Keys& resources,
                                       const std::stop_token& stop) {
  SLUICE_RETURN_IF_ERROR(channel.send({{"do", "remove"}}, stop));
  std::size_t at = 0;
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const auto message, channel.receive(stop));
    const auto* error = message.object.if_contains("error");
    if (error != nullptr && error->is_object()) return error_of(error->get_object());
    if (const auto* removed = message.object.if_contains("removed");
        removed != nullptr && removed->is_object()) {
      RemovalCounts counts;
      for (const auto& [type, count] : removed->get_object()) {
        boost::system::error_code failed;
        counts[std::string(type)] = count.to_number<std::uint64_t>(failed);
      }
      return counts;
    }
    if (at == resources.size()) {
      SLUICE_RETURN_IF_ERROR(channel.send({{"end", true}}, stop));
      continue;
    }
    json::array batch;
    for (; at < resources.size() && batch.size() < kBatch; ++at)
      batch.emplace_back(resources[at].first + '/' + resources[at].second);
    SLUICE_RETURN_IF_ERROR(channel.send({{"remove", std::move(batch)}}, stop));
  }
}

}  // namespace

void serve_removal(store::Store& store, smart::AuditLog* audit, ControlChannel& channel,
                   const std::stop_token& stop) {
  const auto run = [&]() -> Result<RemovalCounts> {
    // What cannot be audited is not done.
    SLUICE_RETURN_IF_ERROR(audit_removal(audit, smart::AuditOutcome::kSuccess, "a removal begins"));
    try {
      return run_removal(store, channel, stop);
    } catch (const std::exception& e) {
      return Error{ErrorKind::kInternal, "the removal failed", e.what()};
    }
  };
  const auto counts = run();
  const std::string what = counts ? fmt::format("removal: {} resources", total(*counts))
                                  : "removal ended: " + std::string(to_string(counts.error().kind));
  spdlog::info("{}", what);
  if (const auto audited = audit_removal(
          audit, counts ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kSerious, what);
      !audited)
    spdlog::error("audit failed error=\"{}\" detail=\"{}\"", audited.error().message,
                  audited.error().detail);
  // Whether the command still listens makes no difference here.
  if (!counts) {
    (void)channel.send({{"error", to_json(counts.error())}}, stop);
    return;
  }
  json::object removed;
  for (const auto& [type, count] : *counts) removed[type] = count;
  (void)channel.send({{"removed", std::move(removed)}}, stop);
}

Result<std::unique_ptr<store::Store>> open_store(const std::filesystem::path& data,
                                                 const Clock& clock, StoreUse use,
                                                 store::RocksdbStoreOptions options) {
  std::error_code unknown;  // opening tells
  if (use == StoreUse::kExisting && !std::filesystem::exists(data / "store", unknown))
    return not_found(fmt::format("there is no store in '{0}': `sluice load --data {0}` makes one",
                                 data.string()));
  options.create_if_missing = use == StoreUse::kCreate;
  keep_private(data);
  auto opened = store::open_rocksdb_store(data, clock, options);
  if (opened || opened.error().kind != ErrorKind::kConflict) return opened;
  if (const auto holder = holder_of(data); !holder.empty())
    return Error{ErrorKind::kConflict,
                 fmt::format("the store in '{}' is in use by {}", data.string(), holder)};
  return opened;
}

// Tries the server first: a store that another process writes to cannot always be distinguished
// from a damaged one.
Result<bulk::LoadSummary> load_into(const std::filesystem::path& data,
                                    const bulk::LoadOptions& options, const std::stop_token& stop) {
  if (auto connected = connect_to_control_server(data)) {
    if (!*connected) return connected->error();
    ControlChannel channel(std::move(**connected));
    return load_by_server(channel, options, stop);
  }
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto store, open_store(data, clock, StoreUse::kCreate));
  bulk::LoadOptions here = options;
  here.spill_folder = data;
  return bulk::load(*store, here, stop);
}

Result<RemovalCounts> remove_from(const std::filesystem::path& data, const Keys& resources,
                                  const std::stop_token& stop) {
  if (auto connected = connect_to_control_server(data)) {
    if (!*connected) return connected->error();
    ControlChannel channel(std::move(**connected));
    return remove_by_server(channel, resources, stop);
  }
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const auto store, open_store(data, clock, StoreUse::kCreate));
  RemovalCounts counts;
  for (std::size_t at = 0; at < resources.size();) {
    if (stop.stop_requested()) return Error{ErrorKind::kCancelled, "interrupted"};
    std::vector<fhir::ResourceId> batch;
    for (; at < resources.size() && batch.size() < kBatch; ++at) {
      SLUICE_ASSIGN_OR_RETURN(auto key, read_key(resources[at].first, resources[at].second));
      batch.push_back(std::move(key));
    }
    SLUICE_RETURN_IF_ERROR(remove_batch(*store, std::move(batch), counts));
  }
  return counts;
}

}  // namespace sluice::cli

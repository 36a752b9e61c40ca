#include "cli/load_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/worker_pool.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr int kLookMilliseconds = 20;  // how often the server looks whether the command is there
constexpr std::size_t kParseThreadsMax = 256;

std::uint64_t number(const json::object& object, const char* name) {
  return object.at(name).to_number<std::uint64_t>();
}

std::string text(const json::object& object, const char* name) {
  return std::string(object.at(name).as_string());
}

// ---- what goes over the socket ----

json::object to_json(const bulk::LoadProblem& problem) {
  return {{"path", problem.path},
          {"place", problem.place},
          {"entry", problem.is_bundle_entry},
          {"reason", problem.reason},
          {"loaded", problem.is_loaded}};
}

bulk::LoadProblem problem_of(const json::object& object) {
  return {text(object, "path"), number(object, "place"), object.at("entry").as_bool(),
          text(object, "reason"), object.at("loaded").as_bool()};
}

json::object to_json(const bulk::LoadProgress& progress) {
  return {{"bytes_read", progress.bytes_read},
          {"bytes_total", progress.bytes_total},
          {"resources", progress.resources},
          {"problems", progress.problems}};
}

bulk::LoadProgress progress_of(const json::object& object) {
  return {number(object, "bytes_read"), number(object, "bytes_total"), number(object, "resources"),
          number(object, "problems")};
}

json::object to_json(const bulk::LoadSummary& summary) {
  json::object types;
  for (const auto& [type, counts] : summary.types)
    types[type] = {{"created", counts.created},
                   {"updated", counts.updated},
                   {"unchanged", counts.unchanged},
                   {"deleted", counts.deleted}};
  return {{"types", std::move(types)},        {"resources", summary.resources},
          {"superseded", summary.superseded}, {"bytes", summary.bytes},
          {"files", summary.files},           {"problems", summary.problems},
          {"warnings", summary.warnings},     {"stopped", summary.stopped_by_problem},
          {"references", summary.references}, {"passes", summary.passes}};
}

bulk::LoadSummary summary_of(const json::object& object) {
  bulk::LoadSummary summary;
  for (const auto& [type, counts] : object.at("types").as_object()) {
    const auto& each = counts.as_object();
    summary.types[std::string(type)] = {number(each, "created"), number(each, "updated"),
                                        number(each, "unchanged"), number(each, "deleted")};
  }
  summary.resources = number(object, "resources");
  summary.superseded = number(object, "superseded");
  summary.bytes = number(object, "bytes");
  summary.files = number(object, "files");
  summary.problems = number(object, "problems");
  summary.warnings = number(object, "warnings");
  summary.references = number(object, "references");
  summary.passes = number(object, "passes");
  summary.stopped_by_problem = object.at("stopped").as_bool();
  return summary;
}

// ---- the server's end ----

// The command's files: each is asked for when the one before it is done.
class RemoteInputs final : public bulk::LoadInputs {
 public:
  RemoteInputs(ControlChannel& channel, std::uint64_t bytes_total, std::stop_token stop)
      : channel_(channel), bytes_total_(bytes_total), stop_(std::move(stop)) {}

  Result<std::optional<bulk::LoadInput>> next() override {
    SLUICE_RETURN_IF_ERROR(channel_.send({{"next", true}}, stop_));
    SLUICE_ASSIGN_OR_RETURN(auto message, channel_.receive(stop_));
    if (const auto* error = message.object.if_contains("error"); error && error->is_object())
      return error_of(error->get_object());
    if (!message.file) return std::optional<bulk::LoadInput>();
    bulk::LoadInput input;
    if (const auto* path = message.object.if_contains("path"); path && path->is_string())
      input.path = std::string(path->get_string());
    input.fd = std::move(message.file);
    return std::optional(std::move(input));
  }
  std::uint64_t bytes_total() const override { return bytes_total_; }

 private:
  ControlChannel& channel_;
  const std::uint64_t bytes_total_;
  const std::stop_token stop_;
};

Result<bulk::LoadSummary> run_load(const LoadService& service, ControlChannel& channel,
                                   const json::object& request, const std::stop_token& server) {
  std::stop_source stop;
  const std::stop_callback with_server(server, [&stop] { stop.request_stop(); });
  const std::jthread watch([&](const std::stop_token& done) {
    while (!done.stop_requested() && !stop.stop_requested())
      if (channel.is_gone(kLookMilliseconds)) stop.request_stop();
  });
  bulk::LoadOptions options;
  options.large = &service.large;
  options.spill_folder = service.folder;
  std::uint64_t bytes_total = 0;
  try {
    if (text(request, "do") != "load") throw std::invalid_argument("not a load");
    bytes_total = number(request, "bytes_total");
    options.strict = request.at("strict").as_bool();
    if (request.at("lenient").as_bool()) options.leniency = fhir::Leniency::kLenient;
    options.parse_threads =
        std::min<std::size_t>(number(request, "parse_threads"), kParseThreadsMax);
    options.base_url = text(request, "base_url");
    options.problems_max = number(request, "problems_max");
  } catch (const std::exception& e) {
    return Error{ErrorKind::kInvalid, "the request of a load cannot be read", e.what()};
  }
  // A command that is gone is noticed by the watch.
  options.on_problem = [&](const bulk::LoadProblem& problem) {
    (void)channel.send({{"problem", to_json(problem)}}, stop.get_token());
  };
  options.on_progress = [&](const bulk::LoadProgress& progress) {
    (void)channel.send({{"progress", to_json(progress)}}, stop.get_token());
  };
  RemoteInputs inputs(channel, bytes_total, stop.get_token());
  auto summary = bulk::load(service.store, inputs, options, stop.get_token());
  if (!summary && server.stop_requested())
    return Error{ErrorKind::kUnavailable, "the server is stopping"};
  return summary;
}

Result<void> audit_load(smart::AuditLog* audit, smart::AuditOutcome outcome,
                        std::string description) {
  if (audit == nullptr) return {};
  return audit->write({.kind = smart::AuditKind::kImport,
                       .outcome = outcome,
                       .description = std::move(description)});
}

}  // namespace

void serve_load(const LoadService& service, ControlChannel& channel, const json::object& request,
                const std::stop_token& stop) {
  const auto run = [&]() -> Result<bulk::LoadSummary> {
    // What cannot be audited is not done.
    SLUICE_RETURN_IF_ERROR(
        audit_load(service.audit, smart::AuditOutcome::kSuccess, "sluice load begins"));
    spdlog::info("sluice load begins");
    try {
      return run_load(service, channel, request, stop);
    } catch (const std::exception& e) {
      return Error{ErrorKind::kInternal, "the load failed", e.what()};
    }
  };
  const auto summary = run();
  const std::string what =
      summary ? fmt::format("sluice load: {} resources, {} problems", summary->resources,
                            summary->problems)
              : "sluice load ended: " + std::string(to_string(summary.error().kind));
  spdlog::info("{}", what);
  if (const auto audited =
          audit_load(service.audit,
                     summary ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kSerious, what);
      !audited)
    spdlog::error("audit failed error=\"{}\" detail=\"{}\"", audited.error().message,
                  audited.error().detail);
  // Whether the command still listens makes no difference here.
  if (summary)
    (void)channel.send({{"summary", to_json(*summary)}}, stop);
  else
    (void)channel.send({{"error", to_json(summary.error())}}, stop);
}

// ---- the command's end ----

namespace {

Result<void> send_next(ControlChannel& channel, bulk::LoadInputs& inputs,
                       const std::stop_token& stop) {
  const auto input = inputs.next();
  if (!input) return channel.send({{"error", cli::to_json(input.error())}}, stop);
  if (!*input) return channel.send({{"end", true}}, stop);
  return channel.send({{"path", (*input)->path}}, stop, (*input)->fd.get());
}

}  // namespace

Result<bulk::LoadSummary> load_by_server(ControlChannel& channel, const bulk::LoadOptions& options,
                                         const std::stop_token& stop) {
  SLUICE_ASSIGN_OR_RETURN(const auto inputs, bulk::open_load_files(options));
  SLUICE_RETURN_IF_ERROR(channel.send({{"do", "load"},
                                       {"strict", options.strict},
                                       {"lenient", options.leniency == fhir::Leniency::kLenient},
                                       {"parse_threads", options.parse_threads},
                                       {"base_url", options.base_url},
                                       {"problems_max", options.problems_max},
                                       {"bytes_total", inputs->bytes_total()}},
                                      stop));
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const auto message, channel.receive(stop));
    if (stop.stop_requested()) return Error{ErrorKind::kCancelled, "the load was stopped"};
    const auto& object = message.object;
    const auto member = [&](const char* name) -> const json::object* {
      const auto* value = object.if_contains(name);
      return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
    };
    try {
      if (object.contains("next"))
        SLUICE_RETURN_IF_ERROR(send_next(channel, *inputs, stop));
      else if (const auto* problem = member("problem"))
        options.on_problem(problem_of(*problem));
      else if (const auto* progress = member("progress"))
        options.on_progress(progress_of(*progress));
      else if (const auto* error = member("error"))
        return error_of(*error);
      else if (const auto* summary = member("summary"))
        return summary_of(*summary);
      else
        return invalid("the server's answer is not one of a load");
    } catch (const std::exception& e) {
      return Error{ErrorKind::kInternal, "the server's answer cannot be read", e.what()};
    }
  }
}

}  // namespace sluice::cli

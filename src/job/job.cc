#include "job/job.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/bytes.h"

namespace sluice::job {
namespace {

namespace json = boost::json;

constexpr std::string_view kJobPrefix = "job/";

Error bad_document(std::string_view key, std::string_view why) {
  return corrupt("a stored job cannot be read", fmt::format("document {}: {}", key, why));
}

template <class Fill>
auto parse_document(std::string_view key, std::string_view text, Fill fill)
    -> Result<decltype(fill(std::declval<const json::object&>()))> {
  boost::system::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed || !value.is_object()) return bad_document(key, "not a JSON object");
  try {
    return fill(value.get_object());
  } catch (const std::exception& e) {
    return bad_document(key, e.what());
  }
}

std::string text_of(const json::object& object, std::string_view name) {
  return json::value_to<std::string>(object.at(json::string_view(name.data(), name.size())));
}

}  // namespace

std::string job_key(std::string_view job_id) {
  return fmt::format("{}{}", kJobPrefix, job_id);
}

std::string shard_prefix(std::string_view job_id) {
  return fmt::format("shard/{}/", job_id);
}

std::string shard_key(std::string_view job_id, unsigned phase, unsigned number) {
  return fmt::format("shard/{}/{:04}/{:08}", job_id, phase, number);
}

std::string serialize(const Job& job) {
  json::object object;
  object["kind"] = job.kind;
  object["client"] = job.client;
  if (!job.registration.empty()) object["registration"] = job.registration;
  object["request"] = job.request;
  object["sequence"] = job.snapshot.sequence.value;
  object["instant"] = job.snapshot.instant.milliseconds;
  object["state"] = static_cast<unsigned>(job.state);
  object["phase"] = job.phase;
  object["planned"] = job.planned;
  object["adoptions"] = job.adoptions;
  object["finished"] = job.finished.milliseconds;
  object["expires"] = job.expires.milliseconds;
  object["failure"] = job.failure;
  if (job.is_damaged) object["damaged"] = true;
  return json::serialize(object);
}

std::string serialize(const Shard& shard) {
  json::object object;
  object["weight"] = shard.weight;
  object["done"] = shard.done;
  object["spec"] = shard.spec;
  object["result"] = shard.result;
  return json::serialize(object);
}

Result<Job> parse_job(std::string_view id, std::string_view text) {
  return parse_document(id, text, [&](const json::object& object) {
    Job job;
    job.id = id;
    // Before there were others, every job was an export.
    job.kind = object.contains("kind") ? text_of(object, "kind") : "export";
    job.client = text_of(object, "client");
    if (object.contains("registration")) job.registration = text_of(object, "registration");
    job.request = text_of(object, "request");
    job.snapshot.sequence.value = object.at("sequence").to_number<std::uint64_t>();
    job.snapshot.instant.milliseconds = object.at("instant").to_number<std::int64_t>();
    const auto state = object.at("state").to_number<unsigned>();
    if (state > static_cast<unsigned>(JobState::kFailed)) throw std::out_of_range("unknown state");
    job.state = static_cast<JobState>(state);
    job.phase = object.at("phase").to_number<unsigned>();
    job.planned = object.at("planned").as_bool();
    job.adoptions = object.at("adoptions").to_number<unsigned>();
    job.finished.milliseconds = object.at("finished").to_number<std::int64_t>();
    job.expires.milliseconds = object.at("expires").to_number<std::int64_t>();
    job.failure = text_of(object, "failure");
    job.is_damaged = object.contains("damaged") && object.at("damaged").as_bool();
    return job;
  });
}

Result<Shard> parse_shard(std::string_view key, std::string_view text) {
  // "shard/<id>/<phase>/<number>"
  const std::size_t last = key.rfind('/');
  if (last == std::string_view::npos || last < 5) return bad_document(key, "not a shard's key");
  return parse_document(key, text, [&](const json::object& object) {
    Shard shard;
    shard.phase = static_cast<unsigned>(std::stoul(std::string(key.substr(last - 4, 4))));
    shard.number = static_cast<unsigned>(std::stoul(std::string(key.substr(last + 1))));
    shard.weight = object.at("weight").to_number<std::uint64_t>();
    shard.done = object.at("done").as_bool();
    shard.spec = text_of(object, "spec");
    shard.result = text_of(object, "result");
    return shard;
  });
}

}  // namespace sluice::job

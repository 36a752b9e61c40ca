#include "job/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/bytes.h"
#include "base/json_text.h"

namespace sluice::job {
namespace {

namespace json = boost::json;

constexpr std::string_view kJobPrefix = "job/";
constexpr std::size_t kIdMax = 64;
constexpr std::size_t kClientMax = 128;

// All of `text` as a number.
template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && failed == std::errc() && end == text.data() + text.size();
}

Error bad_document(std::string_view key, std::string_view why) {
  return corrupt("a stored job cannot be read", fmt::format("document {}: {}", key, why));
}

template <class Fill>
auto parse_document(std::string_view key, std::string_view text, Fill fill)
    -> Result<decltype(fill(std::declval<const json::object&>()))> {
  try {
    return fill(stored_object(text));
  } catch (const std::exception& e) {
    return bad_document(key, e.what());
  }
}

std::string text_of(const json::object& object, std::string_view name) {
  return json::value_to<std::string>(object.at(json::string_view(name.data(), name.size())));
}

}  // namespace

bool is_valid_job_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::string job_key(std::string_view job_id) {
  return fmt::format("{}{}", kJobPrefix, job_id);
}

std::string shard_prefix(std::string_view job_id) {
  return fmt::format("shard/{}/", job_id);
}

std::string shard_key(std::string_view job_id, ShardPosition position) {
  return fmt::format("shard/{}/{:04}/{:08}", job_id, position.phase, position.number);
}

std::string key_before(std::string_view job_id, ShardPosition position) {
  if (position.number > 0) return shard_key(job_id, {position.phase, position.number - 1});
  return fmt::format("shard/{}/{:04}/", job_id, position.phase);
}

std::string serialize(const Job& job) {
  json::object object;
  object["kind"] = job.kind;
  object["client"] = job.client;
  if (!job.registration.empty()) object["registration"] = job.registration;
  object["request"] = json::string(job.request.view());
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
  return json_text(object);
}

std::string serialize(const Shard& shard) {
  json::object object;
  object["weight"] = shard.weight;
  object["done"] = shard.done;
  object["spec"] = shard.spec;
  object["result"] = shard.result;
  return json_text(object);
}

Result<Job> parse_job(std::string_view id, std::string_view text) {
  return parse_document(job_key(id), text, [&](const json::object& object) {
    Job job;
    job.id = id;
    // Before there were others, every job was an export.
    job.kind = object.contains("kind") ? text_of(object, "kind") : "export";
    job.client = text_of(object, "client");
    if (object.contains("registration")) job.registration = text_of(object, "registration");
    job.request = text_of(object, "request");
    job.snapshot.sequence.value = object.at("sequence").to_number<std::uint64_t>();
    job.snapshot.instant = stored_instant(object.at("instant"));
    const auto state = object.at("state").to_number<unsigned>();
    if (state > static_cast<unsigned>(JobState::kFailed)) throw std::out_of_range("unknown state");
    job.state = static_cast<JobState>(state);
    job.phase = object.at("phase").to_number<unsigned>();
    job.planned = object.at("planned").as_bool();
    job.adoptions = object.at("adoptions").to_number<unsigned>();
    job.finished = stored_instant(object.at("finished"));
    job.expires = stored_instant(object.at("expires"));
    job.failure = text_of(object, "failure");
    job.is_damaged = object.contains("damaged") && object.at("damaged").as_bool();
    return job;
  });
}

Job salvage_job(std::string_view id, std::string_view text, const Error& error) {
  return {.id = std::string(id),
          .kind = std::string(kLostKind),
          .client = text_of_damaged_job(text, "client"),
          .registration = text_of_damaged_job(text, "registration"),
          .request = {},
          .snapshot = {},
          .state = JobState::kFailed,
          .finished = {},
          .expires = {},
          .failure = error.message};
}

std::string text_of_damaged_job(std::string_view text, std::string_view member) {
  // Inside of a text the quotes would have backslashes, so this can only be the member.
  const std::string name = fmt::format(R"("{}":")", member);
  const std::size_t begin = text.find(name);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + name.size());
  const std::string_view value = text.substr(0, text.find('"'));
  const bool is_id = value.size() < text.size() && value.size() <= kClientMax &&
                     std::all_of(value.begin(), value.end(),
                                 [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
  return is_id ? std::string(value) : std::string();
}

Result<Shard> parse_shard(std::string_view key, std::string_view text) {
  // "shard/<id>/<phase>/<number>"
  const std::size_t last = key.rfind('/');
  const std::size_t before = last == std::string_view::npos || last == 0 ? std::string_view::npos
                                                                         : key.rfind('/', last - 1);
  Shard shard;
  if (before == std::string_view::npos ||
      !read_number(key.substr(before + 1, last - before - 1), shard.phase) ||
      !read_number(key.substr(last + 1), shard.number))
    return bad_document(key, "not a shard's key");
  return parse_document(key, text, [&](const json::object& object) {
    shard.weight = object.at("weight").to_number<std::uint64_t>();
    shard.done = object.at("done").as_bool();
    shard.spec = text_of(object, "spec");
    shard.result = text_of(object, "result");
    return shard;
  });
}

}  // namespace sluice::job

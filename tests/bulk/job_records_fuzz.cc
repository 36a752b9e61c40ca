// Whatever the records of jobs and of their shards hold, also their specs and results: reading them
// fails or succeeds, and what was read is written and read again as the same. The first line
// is the record's key.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/import/import_state.h"
#include "fhir/resource_type.h"
#include "job/documents.h"
#include "job/managed_job.h"
#include "no_jobs.h"

namespace {

using namespace sluice;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Value>
const Value& corrupt_or(const Result<Value>& read, const Value& otherwise) {
  if (read) return *read;
  require(read.error().kind == ErrorKind::kCorrupt);
  return otherwise;
}

// `read` again after it was written.
template <class Value, class Parse>
void check_again(const Result<Value>& read, Parse parse) {
  if (!read) return;
  const std::string written = serialize(*read);
  require(is_valid_utf8(written));
  const auto again = parse(written);
  require(again.has_value() && serialize(*again) == written);
}

void check_shard_texts(const job::Shard& shard) {
  for (const std::string& text : {shard.spec, shard.result}) {
    const auto spec = bulk::parse_shard_spec(text);
    check_again(spec, bulk::parse_shard_spec);
    if (spec)
      for (const auto& segment : spec->segments)
        if (segment.range.type.code != 0) require(!fhir::type_name(segment.range.type).empty());
    check_again(bulk::parse_shard_result(text), bulk::parse_shard_result);
    check_again(bulk::parse_import_result(text), bulk::parse_import_result);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view key = all.substr(0, all.find('\n'));
  const std::string_view text = all.substr(std::min(size, key.size() + 1));
  const auto read_job = [&](std::string_view document) { return job::parse_job(key, document); };
  const auto read_shard = [&](std::string_view document) {
    return job::parse_shard(key, document);
  };
  const auto job = read_job(text);
  check_again(job, read_job);
  const auto shard = read_shard(text);
  check_again(shard, read_shard);
  require(is_valid_utf8(job::text_of_damaged_job(text, "client")));
  if (shard) check_shard_texts(*shard);

  job::NoJobs kind;
  job::ManagedJob entry(corrupt_or(job, job::Job()), kind);
  entry.take(corrupt_or(shard, job::Shard()));
  const auto view = entry.view({1'700'000'000'000});
  require(view.progress >= 0 && view.progress <= 1);
  return 0;
}

// What a write over REST costs: the same resources put, created or sent as a transaction through
// the handlers, without sockets, into a store of its own. Prints the CPU time of the handler's
// thread for each resource, so that the disk does not count.
//   write_bench FOLDER put|create|transaction RESOURCES
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "api/bundle/bundle_interactions.h"
#include "api/rest/resource_interactions.h"
#include "no_jobs.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kEntries = 100;  // of one transaction

std::string observation(std::size_t number, std::string_view id_member) {
  return fmt::format(
      R"({{"resourceType":"Observation",{}"meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-vital-signs"]}},"status":"final",)"
      R"("category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}}]}}],)"
      R"("code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}}],"text":"Blood pressure"}},)"
      R"("subject":{{"reference":"Patient/p{}"}},"encounter":{{"reference":"Encounter/e{}"}},"effectiveDateTime":"2024-03-05T08:30:00+01:00","issued":"2024-03-05T08:31:00.123+01:00",)"
      R"("performer":[{{"reference":"Practitioner/d{}"}}],"component":[)"
      R"({{"code":{{"coding":[{{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}}]}},"valueQuantity":{{"value":{},"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}},)"
      R"({{"code":{{"coding":[{{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}}]}},"valueQuantity":{{"value":{},"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}]}})",
      id_member, number % 100, number % 1000, number % 10, 100 + number % 50, 60 + number % 40);
}

std::string id_of(std::size_t number) {
  return fmt::format(R"("id":"o{}",)", number);
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class Writer {
 public:
  explicit Writer(const std::filesystem::path& folder)
      : store_(store::open_rocksdb_store(folder / "store", clock_).value()),
        files_(output::open_local_file_store(folder / "files").value()) {}

  void put(std::size_t number) {
    auto request = request_of("PUT", observation(number, id_of(number)));
    request.path_parameters = {{"id", fmt::format("o{}", number)}};
    expect(201, api::update_resource(service_, request, {}, type_));
  }
  void create(std::size_t number) {
    expect(201,
           api::create_resource(service_, request_of("POST", observation(number, "")), {}, type_));
  }
  void transact(std::size_t first, std::size_t count) {
    std::string bundle = R"({"resourceType":"Bundle","type":"transaction","entry":[)";
    for (std::size_t i = first; i < first + count; ++i)
      fmt::format_to(std::back_inserter(bundle),
                     R"({}{{"resource":{},"request":{{"method":"PUT","url":"Observation/o{}"}}}})",
                     i == first ? "" : ",", observation(i, id_of(i)), i);
    expect(200, api::post_bundle(service_, router_, request_of("POST", bundle + "]}"), {}));
  }

 private:
  static http::Request request_of(const char* method, std::string body) {
    http::Request request;
    request.method = method;
    request.headers.set("Content-Type", "application/fhir+json");
    request.headers.set("Prefer", "return=minimal");
    request.body = std::move(body);
    return request;
  }
  static void expect(int status, const http::Response& response) {
    if (response.status != status)
      throw std::runtime_error(
          fmt::format("{}: {}", response.status, std::get<std::string>(response.body)));
  }
  static api::ServiceOptions options() {
    api::ServiceOptions options;
    options.base_url = "https://ehr.example/fhir";
    return options;
  }

  const fhir::ResourceType type_ = *fhir::find_resource_type("Observation");
  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<output::FileStore> files_;
  job::NoJobs jobs_;
  job::Engine engine_{*store_, clock_, jobs_, {}};
  api::Service service_{*store_, *files_, engine_, clock_, options()};
  http::Router router_{[](const auto&...) { return http::Response(); }};
};

int run(const char* folder, std::string_view kind, std::size_t resources) {
  Writer writer(folder);
  const std::size_t step = kind == "transaction" ? kEntries : 1;
  const double start = thread_seconds();
  for (std::size_t i = 0; i < resources; i += step) {
    if (kind == "put") writer.put(i);
    if (kind == "create") writer.create(i);
    if (kind == "transaction") writer.transact(i, std::min(step, resources - i));
  }
  fmt::print("{} {} resources: {:.2f} us of CPU each\n", kind, resources,
             (thread_seconds() - start) * 1e6 / static_cast<double>(resources));
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: write_bench FOLDER put|create|transaction RESOURCES\n");
    return 2;
  }
  try {
    return sluice::bench::run(argv[1], argv[2], std::strtoul(argv[3], nullptr, 10));
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_bench: {}\n", error.what());
    return 1;
  }
}

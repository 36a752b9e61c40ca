// What $import takes and what it refuses by name (I-03).
#include "bulk/import/import_request.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bulk/import/import_state.h"

namespace sluice::bulk {
namespace {

constexpr const char* kFormat =
    R"({"name":"inputFormat","valueCode":"application/fhir+ndjson"},)"
    R"({"name":"inputSource","valueUri":"https://source.example/fhir"})";
constexpr const char* kStorage =
    R"({"name":"storageDetail","part":[{"name":"type","valueCode":"https"},)"
    R"({"name":"contentEncoding","valueString":"gzip"}]})";

std::string input(const std::string& type, const std::string& url) {
  return R"({"name":"input","part":[{"name":"type","valueCode":")" + type +
         R"("},{"name":"url","valueUrl":")" + url + R"("}]})";
}
std::string parameters(const std::vector<std::string>& list) {
  std::string body = R"({"resourceType":"Parameters","parameter":[)";
  for (std::size_t i = 0; i < list.size(); ++i) body += (i == 0 ? "" : ",") + list[i];
  return body + "]}";
}

TEST(ImportRequest, I03ReadsParametersAndThePlainForm) {
  const std::string url = "https://h.example/p.ndjson?sig=x";
  const auto resource =
      parse_import_request(parameters({kFormat, kStorage, input("Patient", url),
                                       input("Observation", "https://h.example/o")}),
                           {});
  ASSERT_TRUE(resource) << resource.error().message;
  const auto plain = parse_import_request(
      R"({"inputFormat":"application/fhir+ndjson","inputSource":"https://source.example/fhir",)"
      R"("storageDetail":{"type":"https","contentEncoding":["gzip"]},"input":[)"
      R"({"type":"Patient","url":")" +
          url + R"("},{"type":"Observation","url":"https://h.example/o"}]})",
      {});
  ASSERT_TRUE(plain) << plain.error().message;
  for (const auto* request : {&*resource, &*plain}) {
    EXPECT_EQ(request->source, "https://source.example/fhir");
    ASSERT_EQ(request->inputs.size(), 2u);
    EXPECT_EQ(request->inputs[0].url, url);
    EXPECT_EQ(fhir::type_name(request->inputs[1].type), "Observation");
    EXPECT_EQ(request->types().size(), 2u);
  }
  auto stored = *resource;
  stored.url = "http://s/fhir/$import";
  stored.base_url = "http://s/fhir";
  stored.separate_export_status = true;
  stored.leniency = fhir::Leniency::kLenient;
  const auto back = parse_stored_import(serialize(stored));
  ASSERT_TRUE(back);
  EXPECT_EQ(serialize(*back), serialize(stored));
  EXPECT_EQ(back->leniency, fhir::Leniency::kLenient);
  EXPECT_EQ(parse_stored_import("{}").error().kind, ErrorKind::kCorrupt);
}

TEST(ImportRequest, I03RefusesWithTheNameOfWhatIsWrong) {
  const std::string good = input("Patient", "https://h.example/p");
  const std::pair<std::string, std::string> cases[] = {
      {"{", ""},
      {"[]", ""},
      {R"({"resourceType":"Patient"})", "Parameters"},
      {R"({"resourceType":"Parameters"})", "Parameters.parameter"},
      {parameters({good}), "inputFormat"},
      {parameters({kFormat}), "input is missing"},
      {parameters({kFormat, R"({"name":"input"})"}), "part"},
      {parameters({kFormat, R"({"name":"input","part":[{"name":"url","valueUrl":"https://h"}]})"}),
       "type"},
      {parameters({kFormat, R"({"name":"input","part":[{"name":"type","valueCode":"Patient"}]})"}),
       "url"},
      {parameters({kFormat, input("Nobody", "https://h.example/p")}), "Nobody"},
      {parameters({kFormat, good, R"({"name":"mode","valueCode":"x"})"}), "mode"},
      {parameters({kFormat, kStorage, kStorage, good}), "storageDetail"},
      {parameters({R"({"name":"inputFormat","valueCode":"text/csv"})", good}), "text/csv"},
      {parameters({R"({"name":"inputFormat","valueInteger":3})", good}), "valueInteger"},
      {parameters({kFormat, R"({"name":"inputFormat","valueCode":"ndjson"})", good}), "twice"},
      {parameters({kFormat, input("Patient", "http://h.example/p")}), "http is not allowed"},
      {parameters({kFormat, input("Patient", "ftp://h.example/p")}), "https"},
      {parameters({kFormat, input("Patient", "https:///p")}), "host"},
      {parameters({kFormat, input("Patient", "https://u:p@h/p")}), "password"},
      {parameters({kFormat, input("Patient", "https://h/a b")}), "URL"},
      {parameters({kFormat, input("Patient", "file:///etc/passwd")}), "https"},
      {R"({"inputFormat":"ndjson","inputFormat":"ndjson"})", ""},
      {R"({"inputFormat":"ndjson","input":{}})", "array"},
      {R"({"inputFormat":"ndjson","storage":{}})", "storage"},
  };
  for (const auto& [body, word] : cases) {
    const auto request = parse_import_request(body, {});
    ASSERT_FALSE(request) << body;
    EXPECT_NE(request.error().message.find(word), std::string::npos)
        << body << ": " << request.error().message;
  }
  const auto bucket = parse_import_request(
      parameters({kFormat,
                  R"({"name":"storageDetail","part":[{"name":"type","valueCode":"aws-s3"}]})",
                  good}),
      {});
  EXPECT_EQ(bucket.error().kind, ErrorKind::kUnsupported);
  ImportRules one;
  one.inputs_max = 1;
  EXPECT_EQ(parse_import_request(parameters({kFormat, good, good}), one).error().kind,
            ErrorKind::kTooLarge);
}

TEST(ImportRequest, MessagesHoldNoQueryOfAUrl) {
  const auto refused = parse_import_request(
      parameters({kFormat, input("Patient", "http://h.example/p?sig=s3cret")}), {});
  EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos);
}

TEST(ImportState, IsReadAsItWasWritten) {
  ImportState state;
  state.fetched = true;
  state.received = 5'000'000'000;
  state.validator = "\"v\"";
  state.segment = 3;
  state.position = {12'345'678'901, 42};
  state.counted = 17;
  state.so_far.counts = {1, 2, 3};
  state.so_far.superseded = 4;
  state.so_far.problems = 5;
  state.problem_files = {"_a", "_b"};
  const auto back = parse_import_state(serialize(state));
  ASSERT_TRUE(back);
  EXPECT_EQ(serialize(*back), serialize(state));
  EXPECT_EQ(back->position.offset, 12'345'678'901u);
  EXPECT_EQ(back->so_far.accepted(), 10u);
  EXPECT_EQ(parse_import_state("{}").error().kind, ErrorKind::kCorrupt);
}

TEST(ImportRequest, ItsBodyIsBounded_R01) {
  const std::string good = parameters({kFormat, input("Patient", "https://h.example/p")});
  EXPECT_TRUE(parse_import_request(good + std::string((10u << 20) - good.size(), ' '), {}));
  const auto refused =
      parse_import_request(good + std::string((10u << 20) + 1 - good.size(), ' '), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(refused.error().message, "the body of an import has at most 10485760 bytes");
}

}  // namespace
}  // namespace sluice::bulk

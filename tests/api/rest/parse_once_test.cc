// A resource that comes over REST is tokenised once, from its body to the store (json_tokens.h
// counts for each thread, and handlers run on the caller's).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/bundle/bundle_interactions.h"
#include "api/core/access.h"
#include "api/rest/conditional_interactions.h"
#include "api/rest/resource_interactions.h"
#include "job/engine.h"
#include "json/json_tokens.h"
#include "no_jobs.h"
#include "store/rocksdb/rocksdb_store.h"
#include "temporary_folder.h"

namespace sluice::api {
namespace {

class ParseOnceTest : public testing::Test {
 protected:
  static http::Request request(const std::string& method, std::string body,
                               const std::string& type = "application/fhir+json") {
    http::Request request;
    request.method = method;
    request.headers.set("Content-Type", type);
    request.body = std::move(body);
    return request;
  }
  static http::Request of_id(const std::string& method, const std::string& id, std::string body,
                             const std::string& type = "application/fhir+json") {
    auto made = request(method, std::move(body), type);
    made.path_parameters = {{"id", id}};
    return made;
  }
  /// How many texts are tokenised while `act` answers, which it does with `status`.
  template <class Act>
  std::size_t texts_read(int status, Act act) {
    const std::size_t before = fhir::JsonTokens::texts_read();
    const http::Response response = act();
    const std::size_t read = fhir::JsonTokens::texts_read() - before;
    const auto* const text = std::get_if<std::string>(&response.body);
    EXPECT_EQ(response.status, status) << (text == nullptr ? "" : *text);
    return read;
  }
  std::size_t put(int status, const http::Request& request,
                  fhir::ResourceType type = fhir::types::kPatient) {
    return texts_read(status, [&] { return update_resource(service_, request, {}, type); });
  }
  std::size_t post_bundle(const std::string& type, const std::string& entries) {
    const auto sent = request(
        "POST",
        fmt::format(R"({{"resourceType":"Bundle","type":"{}","entry":[{}]}})", type, entries));
    return texts_read(200, [&] { return api::post_bundle(service_, router_, sent, {}); });
  }
  static std::string patient(const std::string& id, const std::string& more = "") {
    return fmt::format(R"({{"resourceType":"Patient","id":"{}"{}}})", id, more);
  }

  static ServiceOptions options() {
    ServiceOptions options;
    options.base_url = "http://here/fhir";
    return options;
  }
  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ =
      store::open_rocksdb_store(folder_.path() / "store", clock_).value();
  std::unique_ptr<output::FileStore> files_ =
      output::open_local_file_store(folder_.path() / "files").value();
  job::NoJobs jobs_;
  job::Engine engine_{*store_, clock_, jobs_, {}};
  Service service_{*store_, *files_, engine_, clock_, options()};
  http::Router router_{[](const auto&...) { return http::Response(); }};
};

TEST_F(ParseOnceTest, APutReadsItsBodyOnce_I02) {
  EXPECT_EQ(put(201, of_id("PUT", "a", patient("a"))), 1u);
  EXPECT_EQ(put(200, of_id("PUT", "a", patient("a", R"(,"active":true)"))), 1u);
  EXPECT_EQ(put(200, of_id("PUT", "a", patient("a", R"(,"active":true)"))), 1u) << "unchanged";
  EXPECT_EQ(put(200, of_id("PUT", "a", "{\n" + patient("a", ",\n \"active\":false").substr(1))),
            1u);
}

TEST_F(ParseOnceTest, ALenientServerFindsWhatIsWrongInTheSameTokens_I02) {
  service_.options.leniency = rest::Leniency::kLenient;
  auto sent = of_id("PUT", "a", patient("a", R"(,"unknown":1)"));
  sent.headers.set("Prefer", "return=OperationOutcome");
  std::string outcome;
  EXPECT_EQ(texts_read(201,
                       [&] {
                         auto response = update_resource(service_, sent, {}, fhir::types::kPatient);
                         outcome = std::get<std::string>(response.body);
                         return response;
                       }),
            1u);
  EXPECT_NE(outcome.find("'unknown' is not an element of Patient"), std::string::npos) << outcome;
}

TEST_F(ParseOnceTest, ACreateReadsItsBodyOnceWhateverIdItHas_I02) {
  for (const char* body :
       {R"({"resourceType":"Patient"})", R"({"resourceType":"Patient","id":"mine"})"})
    EXPECT_EQ(texts_read(201,
                         [&] {
                           return create_resource(service_, request("POST", body), {},
                                                  fhir::types::kPatient);
                         }),
              1u);
}

TEST_F(ParseOnceTest, AGroupIsReadOnceAlsoForItsFilters_G03) {
  const std::string filter =
      R"(,"modifierExtension":[{"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",)"
      R"("valueExpression":{"language":"application/x-fhir-query","expression":"Patient?active=true"}}])";
  const auto group = [&](const std::string& more) {
    return of_id("PUT", "g",
                 R"({"resourceType":"Group","id":"g","type":"person","actual":false,"name":"n")" +
                     more + "}");
  };
  EXPECT_EQ(put(201, group(""), fhir::types::kGroup), 1u);
  EXPECT_EQ(put(200, group(filter), fhir::types::kGroup), 1u);
}

TEST_F(ParseOnceTest, APatchReadsThePatchTheOldTextAndTheNewOnce_I02) {
  put(201, of_id("PUT", "a", patient("a", R"(,"active":true)")));
  const auto patch = of_id("PATCH", "a", R"([{"op":"replace","path":"/active","value":false}])",
                           "application/json-patch+json");
  EXPECT_EQ(
      texts_read(200, [&] { return patch_resource(service_, patch, {}, fhir::types::kPatient); }),
      3u);
}

TEST_F(ParseOnceTest, AConditionalWriteReadsItsBodyOnce_I02) {
  auto create = request("POST", patient("x", R"(,"gender":"male")"));
  create.headers.set("If-None-Exist", "gender=male");
  EXPECT_EQ(
      texts_read(201, [&] { return create_resource(service_, create, {}, fhir::types::kPatient); }),
      1u);
  auto update = request("PUT", R"({"resourceType":"Patient","gender":"female"})");
  update.query = {{"gender", "female"}};
  const auto send = [&] {
    return update_found_resource(service_, update, {}, fhir::types::kPatient);
  };
  // One patient is there, whom the search looks at.
  EXPECT_EQ(texts_read(201, send), 1u + 1u);
  update.body = R"({"resourceType":"Patient","gender":"female","active":true})";
  EXPECT_EQ(texts_read(200, send), 1u + 2u) << "the id of what is found is put in";
}

TEST_F(ParseOnceTest, ATransactionIsReadOnceWithAllItsResources_I02) {
  const auto entries = [](char prefix) {
    std::string out;
    for (int i = 0; i < 10; ++i)
      out += fmt::format(
          R"({}{{"fullUrl":"urn:uuid:{}","resource":{{"resourceType":"Patient","link":[{{"type":"seealso","other":{{"reference":"urn:uuid:{}"}}}}]}},)"
          R"("request":{{"method":"POST","url":"Patient"}}}},{{"resource":{},"request":{{"method":"PUT","url":"Patient/{}{}"}}}})",
          i == 0 ? "" : ",", i, (i + 1) % 10, patient(fmt::format("{}{}", prefix, i)), prefix, i);
    return out;
  };
  EXPECT_EQ(post_bundle("transaction", entries('a')), 1u);
  service_.options.leniency = rest::Leniency::kLenient;
  EXPECT_EQ(post_bundle("transaction", entries('b')), 1u);
}

TEST_F(ParseOnceTest, ATransactionLooksForItsOwnMatchesInTheSameTokens_I02) {
  EXPECT_EQ(post_bundle("transaction",
                        R"({"resource":{"resourceType":"Patient","id":"p","gender":"other"},)"
                        R"("request":{"method":"PUT","url":"Patient/p"}},)"
                        R"({"resource":{"resourceType":"Observation","status":"final","code":{},)"
                        R"("subject":{"reference":"Patient?gender=other"}},)"
                        R"("request":{"method":"POST","url":"Observation"}})"),
            1u);
  EXPECT_EQ(store_->statistics().value().size(), 2u);
}

TEST_F(ParseOnceTest, LimitsOfTheClientLookAtTheSameTokens_A06) {
  smart::Client client;
  client.id = "us";
  smart::AccessClaims claims;
  claims.client_id = "us";
  claims.scopes = smart::ScopeSet::parse("system/Patient.cruds?gender=female").value();
  const Principal principal{"us", std::make_shared<const smart::Client>(std::move(client)),
                            std::make_shared<const smart::AccessClaims>(std::move(claims))};
  const auto send = [&](const http::Request& sent, bool creates) {
    const auto slot = slot_of(service_, sent);
    const auto seen = scoped_store(
        service_, sent, principal,
        Interaction{fhir::types::kPatient,
                    {creates ? smart::Permissions::kCreate : smart::Permissions::kUpdate}},
        slot);
    Service limited(service_, *seen, slot);
    return creates ? create_resource(limited, sent, {}, fhir::types::kPatient)
                   : update_resource(limited, sent, {}, fhir::types::kPatient);
  };
  const auto female = patient("a", R"(,"gender":"female")");
  EXPECT_EQ(texts_read(201, [&] { return send(request("POST", female), true); }), 1u);
  EXPECT_EQ(texts_read(403, [&] { return send(request("POST", patient("a")), true); }), 1u);
  put(201, of_id("PUT", "a", female));
  // What is replaced is another text, at which the limits look too.
  EXPECT_EQ(texts_read(200,
                       [&] {
                         return send(
                             of_id("PUT", "a", patient("a", R"(,"gender":"female","active":true)")),
                             false);
                       }),
            2u);
}

}  // namespace
}  // namespace sluice::api

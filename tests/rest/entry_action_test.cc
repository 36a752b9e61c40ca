// I-02: what an entry of a Bundle asks for.
#include "rest/entry_action.h"

#include <gtest/gtest.h>

namespace sluice::rest {
namespace {

using Kind = EntryAction::Kind;

constexpr const char* kBase = "https://here.example.org/fhir";

fhir::BundleRequestEntry entry(std::string method, std::string url, bool has_resource = false) {
  fhir::BundleRequestEntry made;
  made.method = std::move(method);
  made.url = std::move(url);
  made.resource = has_resource ? 1 : 0;
  return made;
}

EntryAction action_of(const fhir::BundleRequestEntry& entry) {
  const auto action = read_action(entry, kBase);
  EXPECT_TRUE(action) << (action ? "" : action.error().message);
  return action ? *action : EntryAction{};
}

std::string refusal(const fhir::BundleRequestEntry& entry) {
  const auto action = read_action(entry, kBase);
  return action ? "accepted" : action.error().message;
}

TEST(EntryAction, TellsTheInteractionsByMethodAndUrl) {
  const auto kind = [](const char* method, const char* url, bool has_resource) {
    return action_of(entry(method, url, has_resource)).kind;
  };
  EXPECT_EQ(kind("POST", "Patient", true), Kind::kCreate);
  EXPECT_EQ(kind("PUT", "Patient/1", true), Kind::kUpdate);
  EXPECT_EQ(kind("PUT", "Patient?identifier=1", true), Kind::kUpdate);
  EXPECT_EQ(kind("PATCH", "Patient/1", true), Kind::kPatch);
  EXPECT_EQ(kind("DELETE", "Patient/1", false), Kind::kDelete);
  EXPECT_EQ(kind("DELETE", "Patient?identifier=1", false), Kind::kDelete);
  EXPECT_EQ(kind("GET", "Patient/1", false), Kind::kRead);
  EXPECT_EQ(kind("GET", "Patient/1/_history/2", false), Kind::kReadVersion);
  EXPECT_EQ(kind("GET", "Patient", false), Kind::kSearch);
  EXPECT_EQ(kind("GET", "Patient?name=x", false), Kind::kSearch);
  EXPECT_LT(Kind::kDelete, Kind::kCreate);
  EXPECT_LT(Kind::kPatch, Kind::kRead);
}

TEST(EntryAction, TakesTheUrlApart) {
  for (const char* url :
       {"Observation/a.b", "/Observation/a.b", "https://here.example.org/fhir/Observation/a.b"}) {
    const auto action = action_of(entry("GET", url));
    EXPECT_EQ(fhir::type_name(action.type), "Observation") << url;
    EXPECT_EQ(action.id, "a.b") << url;
    EXPECT_FALSE(action.search);
  }
  EXPECT_EQ(action_of(entry("GET", "Patient/1/_history/42")).version, 42u);
  EXPECT_EQ(action_of(entry("DELETE", "Patient?a=b&c=d?e")).search, "a=b&c=d?e");
  EXPECT_EQ(action_of(entry("GET", "Patient")).search, "");
}

TEST(EntryAction, ReadsConditions) {
  auto create = entry("POST", "Patient", true);
  create.if_none_exist = "identifier=a|b";
  EXPECT_EQ(action_of(create).search, "identifier=a|b");
  for (const char* const condition :
       {"Patient?identifier=a|b", "?identifier=a|b", "/Patient?identifier=a|b",
        "https://here.example.org/fhir/Patient?identifier=a|b"}) {
    create.if_none_exist = condition;
    EXPECT_EQ(action_of(create).search, "identifier=a|b") << condition;
  }
  create.if_none_exist = "identifier=https://here.example.org/fhir/Patient?x|b";
  EXPECT_EQ(action_of(create).search, "identifier=https://here.example.org/fhir/Patient?x|b");
  auto update = entry("PUT", "Patient/1", true);
  update.if_match = R"(W/"7")";
  EXPECT_EQ(action_of(update).condition.version, 7u);
  update.if_match.reset();
  update.if_none_match = "*";
  EXPECT_EQ(action_of(update).condition.kind, Condition::Kind::kAbsent);
  auto read = entry("GET", "Patient/1");
  read.if_none_match = R"(W/"7")";
  read.if_modified_since = "2020-01-02T03:04:05Z";
  EXPECT_EQ(action_of(read).known.tags, R"(W/"7")");
  EXPECT_EQ(action_of(read).known.since->milliseconds, 1577934245000);
}

TEST(EntryAction, RefusesAConditionOfAnotherTypeOrServer) {
  auto create = entry("POST", "Patient", true);
  for (const char* const condition :
       {"https://here.example.org/fhir/Observation?code=x", "https://here.example.org/fhir/Patient",
        "https://here.example.org/fhir/?identifier=x",
        "https://there.example.org/fhir/Patient?identifier=x",
        "https://here.example.org/fhir2/Patient?identifier=x"}) {
    create.if_none_exist = condition;
    EXPECT_EQ(refusal(create), "the condition is a URL, but not of Patient on this server")
        << condition;
  }
}

TEST(EntryAction, RefusesWhatNoEntryCanAskFor) {
  EXPECT_EQ(refusal(entry("HEAD", "Patient/1")),
            "request.method 'HEAD' is none of GET, POST, PUT, PATCH, DELETE");
  EXPECT_EQ(refusal(entry("GET", "Patent/1")), "there is no GET of 'Patent/1' in a Bundle");
  EXPECT_EQ(refusal(entry("GET", "Patient/1/_history")),
            "there is no GET of 'Patient/1/_history' in a Bundle");
  EXPECT_EQ(refusal(entry("PUT", "Patient/1/_history/1", true)),
            "there is no PUT of 'Patient/1/_history/1' in a Bundle");
  EXPECT_EQ(refusal(entry("POST", "Patient/1", true)),
            "there is no POST of 'Patient/1' in a Bundle");
  EXPECT_EQ(refusal(entry("GET", "https://there.example.org/fhir/Patient/1")),
            "there is no GET of 'https://there.example.org/fhir/Patient/1' in a Bundle");
  EXPECT_EQ(refusal(entry("GET", "Patient/a_b")),
            "the id in request.url is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
  EXPECT_EQ(refusal(entry("GET", "Patient/1?x=y")), "request.url has an id and a query");
  EXPECT_EQ(refusal(entry("DELETE", "Patient")), "DELETE needs an id or a query in request.url");
  EXPECT_EQ(refusal(entry("DELETE", "Patient?")), "DELETE needs an id or a query in request.url");
  EXPECT_EQ(refusal(entry("POST", "Patient")), "POST needs a resource");
  EXPECT_EQ(refusal(entry("GET", "Patient/1", true)), "GET takes no resource");
  // What a patient is called is not said again.
  EXPECT_EQ(refusal(entry("POST", "Patient?name=Nobodyknows", true)),
            "there is no POST of 'Patient' in a Bundle");
}

TEST(EntryAction, RefusesConditionsThatDoNotBelong) {
  const auto with = [](fhir::BundleRequestEntry made, auto member) {
    made.*member = "x";
    return refusal(made);
  };
  using Entry = fhir::BundleRequestEntry;
  EXPECT_EQ(with(entry("POST", "Patient", true), &Entry::if_match),
            "request.ifMatch does not go with this POST");
  EXPECT_EQ(with(entry("GET", "Patient/1"), &Entry::if_match),
            "request.ifMatch does not go with this GET");
  EXPECT_EQ(with(entry("DELETE", "Patient/1"), &Entry::if_none_match),
            "request.ifNoneMatch does not go with this DELETE");
  EXPECT_EQ(with(entry("PUT", "Patient?a=b", true), &Entry::if_none_match),
            "request.ifNoneMatch does not go with this PUT");
  EXPECT_EQ(with(entry("PUT", "Patient/1", true), &Entry::if_none_exist),
            "request.ifNoneExist does not go with this PUT");
  EXPECT_EQ(with(entry("PUT", "Patient/1", true), &Entry::if_modified_since),
            "request.ifModifiedSince does not go with this PUT");
  EXPECT_EQ(with(entry("GET", "Patient?name=x"), &Entry::if_modified_since),
            "request.ifModifiedSince does not go with this GET");
  EXPECT_EQ(with(entry("GET", "Patient/1"), &Entry::if_modified_since),
            "request.ifModifiedSince is not an instant");
}

}  // namespace
}  // namespace sluice::rest

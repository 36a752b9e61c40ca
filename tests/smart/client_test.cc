// A-04, A-09: what a client may be, and its document.
#include "smart/client.h"

#include <gmock/gmock.h>

#include "forge.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using ::testing::HasSubstr;

const jose::PrivateJwk& key() {
  return jose::es384_key();
}
std::string refusal(const Client& client) {
  const auto checked = check_client(client);
  return checked ? "(taken)" : checked.error().message;
}
template <class Change>
Client changed(Change change) {
  Client client = make_client("acme", key());
  change(client);
  return client;
}
// The key without one member or with another value.
jose::JwkSet keys_with(const char* name, const boost::json::value& value) {
  auto object = boost::json::parse(key().public_part().to_json()).as_object();
  if (value.is_null())
    object.erase(name);
  else
    object[name] = value;
  jose::JwkSet set;
  set.add(jose::Jwk::parse(boost::json::serialize(object)).value());
  return set;
}

ScopeSet more_scopes_than_a_list_holds() {
  std::vector<Scope> scopes;
  for (const fhir::ResourceType type : fhir::all_resource_types()) {
    for (std::uint8_t bits = 1; bits < 32; ++bits)
      scopes.push_back({Scope::Spelling::kV2, type, {bits}});
  }
  return ScopeSet::of(std::move(scopes));
}

TEST(Client, IdsAreShortAndPlain) {
  for (const std::string& id : {std::string("a"), std::string("Acme-1.x_Y"), std::string(128, 'a'),
                                std::string(".."), std::string("-")})
    EXPECT_TRUE(is_valid_client_id(id)) << id;
  for (const std::string& id :
       {std::string(), std::string(129, 'a'), std::string("a/b"), std::string("a b"),
        std::string("a\n"), std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("a%2f")})
    EXPECT_FALSE(is_valid_client_id(id)) << id;
}

TEST(Client, IsTakenWhenNothingIsWrong) {
  EXPECT_EQ(refusal(make_client("acme", key())), "(taken)");
  EXPECT_EQ(refusal(changed([](Client& c) {
              c.jwks.reset();
              c.jwks_url = "https://acme.example:8443/jwks?x=1";
            })),
            "(taken)");
  EXPECT_EQ(refusal(changed([](Client& c) { c.groups = {{"g1", "g2"}}; })), "(taken)");
  EXPECT_EQ(refusal(changed([](Client& c) { c.groups.emplace(); })), "(taken)");
}

TEST(Client, IsRefusedWithTheMemberNamed) {
  struct Case {
    Client client;
    const char* message;
  };
  const std::vector<Case> cases = {
      {changed([](Client& c) { c.id = "a/b"; }), "client id"},
      {changed([](Client& c) { c.name = std::string(257, 'x'); }), "name"},
      {changed([](Client& c) { c.name = "a\nb"; }), "name"},
      {changed([](Client& c) { c.name = "\xff"; }), "the name is not valid UTF-8"},
      {changed([](Client& c) { c.scopes = more_scopes_than_a_list_holds(); }), "cannot be kept"},
      {changed([](Client& c) { c.jwks.reset(); }), "either jwks or jwks_url"},
      {changed([](Client& c) { c.jwks_url = "https://acme.example/jwks"; }),
       "either jwks or jwks_url"},
      {changed([](Client& c) { c.jwks = jose::JwkSet(); }), "no key"},
      {changed([](Client& c) { c.jwks = keys_with("kid", nullptr); }), "kid"},
      {changed([](Client& c) { c.jwks = keys_with("use", "enc"); }), "no key"},
      {changed([](Client& c) { c.scopes = {}; }), "scopes"},
      {changed([](Client& c) { c.groups = {{"g/1"}}; }), "groups"},
      {changed([](Client& c) { c.groups = {{""}}; }), "groups"},
      {changed([](Client& c) { c.groups.emplace(10'001, "g"); }), "10,000 groups"},
  };
  for (const Case& c : cases) EXPECT_THAT(refusal(c.client), HasSubstr(c.message));
}

TEST(Client, AKeyUrlIsHttpsWithoutUserName) {
  for (const char* url :
       {"http://acme.example/jwks", "https://", "https:///jwks", "https://?x", "https://#x",
        "https://user@acme.example/", "https://u:p@acme.example/", "file:///etc/passwd", "acme",
        "https://acme.example/a b", "https://acme.example/\n", "HTTPS://acme.example/"}) {
    EXPECT_THAT(refusal(changed([&](Client& c) {
                  c.jwks.reset();
                  c.jwks_url = url;
                })),
                HasSubstr("jwks_url"))
        << url;
  }
}

TEST(Client, SeesItsGroupsOrAll) {
  Client client;
  EXPECT_TRUE(client.may_see_group("g1"));
  client.groups = {{"g1"}};
  EXPECT_TRUE(client.may_see_group("g1"));
  EXPECT_FALSE(client.may_see_group("g2"));
  client.groups.emplace();
  EXPECT_FALSE(client.may_see_group("g1"));
}

TEST(Client, IsReadBackFromItsDocument) {
  Client client = make_client("acme", key(), "system/*.read system/bulk-submit");
  client.groups = {{"g2", "g1"}};
  client.limits = {3, 60};
  client.file_access = FileAccess::kCapability;
  client.state = ClientState::kDisabled;
  client.created = {1};
  client.updated = {2};
  client.generation = "abc";
  const Client again = parse_client("acme", serialize(client)).value();
  EXPECT_EQ(again.id, "acme");
  EXPECT_EQ(again.name, client.name);
  EXPECT_EQ(again.jwks->to_json(), client.jwks->to_json());
  EXPECT_EQ(again.scopes, client.scopes);
  EXPECT_EQ(again.groups, client.groups);
  EXPECT_EQ(again.limits, client.limits);
  EXPECT_EQ(again.file_access, client.file_access);
  EXPECT_EQ(again.state, client.state);
  EXPECT_EQ(again.created, client.created);
  EXPECT_EQ(again.updated, client.updated);
  EXPECT_EQ(again.generation, client.generation);

  client.jwks.reset();
  client.jwks_url = "https://acme.example/jwks";
  client.groups.reset();
  const Client by_url = parse_client("acme", serialize(client)).value();
  EXPECT_FALSE(by_url.jwks);
  EXPECT_FALSE(by_url.groups);
  EXPECT_EQ(by_url.jwks_url, client.jwks_url);
}

TEST(Client, ADocumentThatIsNoneIsCorrupt) {
  for (const char* text : {"", "[]", "{}", R"({"name":1})"})
    EXPECT_EQ(parse_client("acme", text).error().kind, ErrorKind::kCorrupt) << text;
}

}  // namespace
}  // namespace sluice::smart

// A-09: clients are added, changed, disabled and removed, and stay so after a restart.
#include "smart/client_registry.h"

#include <gmock/gmock.h>

#include <thread>

#include "forge.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

class ClientRegistryTest : public SmartTest {
 protected:
  ClientRegistryTest() { open(); }
  void open() { registry = ClientRegistry::open(store(), clock).value(); }
  void restart() {
    registry.reset();
    reopen();
    open();
  }
  Result<ClientRegistry::ClientPtr> add(std::string id, std::string_view scope = "system/*.read") {
    return registry->add(make_client(std::move(id), jose::es384_key(), scope));
  }
  std::string generation(std::string_view id) { return registry->get(id).value()->generation; }

  std::unique_ptr<ClientRegistry> registry;
};

TEST_F(ClientRegistryTest, WhatIsAddedIsThereAtOnceAndAfterARestart) {
  ASSERT_TRUE(add("acme"));
  EXPECT_EQ(registry->find("acme")->created, clock.now());
  EXPECT_FALSE(generation("acme").empty());
  const std::string before = generation("acme");
  restart();
  EXPECT_EQ(generation("acme"), before);
  EXPECT_EQ(registry->find("other"), nullptr);
  EXPECT_EQ(registry->get("other").error().kind, ErrorKind::kNotFound);
}

TEST_F(ClientRegistryTest, AnIdIsTakenOnce) {
  ASSERT_TRUE(add("acme"));
  EXPECT_EQ(add("acme").error().kind, ErrorKind::kConflict);
  EXPECT_EQ(add("a/b").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(registry->list().size(), 1u);
}

// R-01: who may register clients must not fill the memory with what they bring.
TEST_F(ClientRegistryTest, R01ClientsAndTheirKeysAreLimited) {
  const auto open_with = [&](ClientRegistryLimits limits) {
    registry.reset();
    registry = ClientRegistry::open(store(), clock, limits).value();
  };
  open_with({.clients_max = 2});
  ASSERT_TRUE(add("a"));
  ASSERT_TRUE(add("b"));
  EXPECT_EQ(add("c").error().kind, ErrorKind::kTooLarge);
  ASSERT_TRUE(registry->remove("a"));
  ASSERT_TRUE(add("c"));
  // A key is 4 KiB, and its text: what is there counts after a restart too.
  open_with({.keys_size_max = 3 * 5000});
  ASSERT_TRUE(add("a"));
  EXPECT_EQ(add("d").error().kind, ErrorKind::kTooLarge);
  EXPECT_TRUE(registry->revoke_tokens("a")) << "a change counts once";
  EXPECT_TRUE(registry->revoke_tokens("a"));
  Client by_url = make_client("e", jose::es384_key(), "system/*.read");
  by_url.jwks.reset();
  by_url.jwks_url = "https://keys.example/e";
  EXPECT_TRUE(registry->add(by_url));
  ASSERT_TRUE(registry->remove("a"));
  EXPECT_TRUE(add("d"));
}

TEST_F(ClientRegistryTest, ListsByIdManyClients) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(add("c" + std::to_string(2 - i)));
  restart();
  const auto list = registry->list();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0]->id, "c0");
  EXPECT_EQ(list[2]->id, "c2");
}

TEST_F(ClientRegistryTest, AnUpdateIsSeenAtOnceByTheNextReaderOnly) {
  ASSERT_TRUE(add("acme"));
  const auto before = registry->get("acme").value();
  clock.advance(std::chrono::seconds(5));
  ASSERT_TRUE(registry->update("acme", [](Client& client) -> Result<void> {
    client.name = "New";
    return {};
  }));
  EXPECT_EQ(before->name, "A client");
  EXPECT_EQ(registry->find("acme")->name, "New");
  EXPECT_EQ(registry->find("acme")->updated, clock.now());
  EXPECT_EQ(registry->find("acme")->created, before->created);
  EXPECT_EQ(generation("acme"), before->generation) << "a name voids no tokens";
  restart();
  EXPECT_EQ(registry->find("acme")->name, "New");
}

TEST_F(ClientRegistryTest, AnUpdateThatIsRefusedChangesNothing) {
  ASSERT_TRUE(add("acme"));
  const auto update = [&](auto change) {
    return registry->update("acme", [&](Client& client) -> Result<void> {
      change(client);
      return {};
    });
  };
  EXPECT_EQ(update([](Client& c) { c.id = "other"; }).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(update([](Client& c) { c.jwks.reset(); }).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(registry->update("acme", [](Client&) -> Result<void> { return invalid("no"); })
                .error()
                .message,
            "no");
  EXPECT_EQ(registry->update("other", [](Client&) -> Result<void> { return {}; }).error().kind,
            ErrorKind::kNotFound);
  EXPECT_EQ(registry->list().size(), 1u);
  EXPECT_TRUE(registry->find("acme")->jwks);
}

TEST_F(ClientRegistryTest, AWriteThatFailsChangesNothing) {
  ASSERT_TRUE(add("acme"));
  refuse_writes = true;
  EXPECT_EQ(add("other").error().kind, ErrorKind::kStorage);
  EXPECT_FALSE(registry->set_state("acme", ClientState::kDisabled));
  EXPECT_FALSE(registry->remove("acme"));
  refuse_writes = false;
  EXPECT_EQ(registry->find("other"), nullptr);
  EXPECT_TRUE(registry->find("acme")->is_active());
}

TEST_F(ClientRegistryTest, DisablingVoidsTokensAlsoAfterEnablingAgain) {
  ASSERT_TRUE(add("acme"));
  const std::string before = generation("acme");
  ASSERT_TRUE(registry->set_state("acme", ClientState::kDisabled));
  EXPECT_FALSE(registry->find("acme")->is_active());
  restart();
  EXPECT_FALSE(registry->find("acme")->is_active());
  ASSERT_TRUE(registry->set_state("acme", ClientState::kActive));
  EXPECT_NE(generation("acme"), before);
}

TEST_F(ClientRegistryTest, AClientAddedAgainHasAnotherGeneration) {
  ASSERT_TRUE(add("acme"));
  const std::string before = generation("acme");
  ASSERT_TRUE(registry->remove("acme"));
  EXPECT_EQ(registry->find("acme"), nullptr);
  EXPECT_EQ(documents("client/"), 0u);
  EXPECT_EQ(registry->remove("acme").error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(add("acme"));
  EXPECT_NE(generation("acme"), before);
}

TEST_F(ClientRegistryTest, R06AClientAddedAgainHasAnotherRegistrationAndAnUpdateKeepsIt) {
  ASSERT_TRUE(add("acme"));
  const std::string before = registry->find("acme")->registration;
  EXPECT_EQ(before.size(), 16u);
  ASSERT_TRUE(registry->revoke_tokens("acme"));
  ASSERT_TRUE(registry->update("acme", [](Client& client) -> Result<void> {
    client.registration = "forged";
    client.groups = {"g"};
    return {};
  }));
  restart();
  EXPECT_EQ(registry->find("acme")->registration, before);
  ASSERT_TRUE(registry->remove("acme"));
  ASSERT_TRUE(add("acme"));
  EXPECT_NE(registry->find("acme")->registration, before);
}

TEST_F(ClientRegistryTest, AClientOfAnEarlierVersionHasNoRegistrationAndGetsNone) {
  ASSERT_TRUE(add("acme"));
  const auto found = store().document("client/acme");
  std::string text = found.value().value();
  const std::string member = R"(,"registration":")" + registry->find("acme")->registration + '"';
  ASSERT_NE(text.find(member), std::string::npos) << text;
  text.erase(text.find(member), member.size());
  store::Transaction transaction;
  transaction.documents.push_back({"client/acme", text});
  ASSERT_TRUE(store().write(transaction));
  restart();
  EXPECT_EQ(registry->find("acme")->registration, "");
  // Its jobs have none either.
  ASSERT_TRUE(registry->revoke_tokens("acme"));
  EXPECT_EQ(registry->find("acme")->registration, "");
}

TEST_F(ClientRegistryTest, CuttingBackVoidsTokensGivingMoreDoesNot) {
  ASSERT_TRUE(add("acme", "system/*.read system/bulk-submit"));
  struct Case {
    const char* scope;
    std::optional<std::vector<std::string>> groups;
    bool voids;
  };
  const std::vector<Case> cases = {
      {"system/*.rs system/bulk-submit", std::nullopt, false},
      {"system/*.cruds system/bulk-submit", std::nullopt, false},
      {"system/*.rs system/bulk-submit", std::nullopt, true},
      {"system/*.rs", std::nullopt, true},
      {"system/Patient.rs", std::nullopt, true},
      {"system/Patient.rs", {{"g1", "g2"}}, true},
      {"system/Patient.rs", {{"g1", "g2", "g3"}}, false},
      {"system/Patient.rs", {{"g1"}}, true},
      {"system/Patient.rs", std::nullopt, false},
  };
  for (const Case& c : cases) {
    const std::string before = generation("acme");
    ASSERT_TRUE(registry->update("acme", [&](Client& client) -> Result<void> {
      client.scopes = ScopeSet::parse(c.scope).value();
      client.groups = c.groups;
      return {};
    }));
    EXPECT_EQ(generation("acme") != before, c.voids) << c.scope;
  }
}

TEST_F(ClientRegistryTest, RevokingTokensChangesTheGenerationOnly) {
  ASSERT_TRUE(add("acme"));
  const std::string before = generation("acme");
  ASSERT_TRUE(registry->revoke_tokens("acme"));
  EXPECT_NE(generation("acme"), before);
  EXPECT_TRUE(registry->find("acme")->is_active());
}

// R-03
TEST_F(ClientRegistryTest, R03AClientThatCannotBeReadIsNoneAndTheOthersGoOn) {
  ASSERT_TRUE(add("acme"));
  store::Transaction transaction;
  transaction.documents.push_back({"client/bad", "{}"});
  transaction.documents.push_back({"client/worse", "\xff"});
  ASSERT_TRUE(store().write(transaction));
  registry = ClientRegistry::open(store(), clock).value();
  EXPECT_NE(registry->find("acme"), nullptr);
  EXPECT_EQ(registry->find("bad"), nullptr);
  EXPECT_EQ(registry->list().size(), 1u);
  // It can be removed, or added anew.
  EXPECT_TRUE(registry->remove("bad"));
  EXPECT_FALSE(*store().document("client/bad"));
  EXPECT_EQ(registry->remove("bad").error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(add("worse"));
  registry = ClientRegistry::open(store(), clock).value();
  EXPECT_NE(registry->find("worse"), nullptr);
}

TEST_F(ClientRegistryTest, ReadersAndWritersMeet) {
  ASSERT_TRUE(add("acme"));
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) EXPECT_EQ(registry->get("acme").value()->id, "acme");
  });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(registry->revoke_tokens("acme"));
  done = true;
  reader.join();
}

}  // namespace
}  // namespace sluice::smart

// What the tests of smart share: a clock that is set, a store that is reopened and that can refuse
// writes, and a client with keys.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "forwarding_store.h"
#include "jose/json_web_key.h"
#include "smart/client.h"
#include "store/store.h"
#include "temporary_folder.h"
#include "test_clocks.h"

namespace sluice::smart {

/// A store that writes only while it may.
class RefusingStore final : public store::ForwardingStore {
 public:
  RefusingStore(store::Store& inner, const std::atomic<bool>& refuse)
      : ForwardingStore(inner), refuse_(refuse) {}
  Result<store::WriteOutcome> write(const store::Transaction& transaction) override;

 private:
  const std::atomic<bool>& refuse_;
};

/// A test with a clock and a store.
class SmartTest : public ::testing::Test {
 protected:
  SmartTest();
  ~SmartTest() override;
  store::Store& store() { return *refusing_; }
  /// As after a restart; what was opened on the store must be gone.
  void reopen();
  /// How many documents start with `prefix`.
  std::size_t documents(std::string_view prefix);

  TestClock clock;
  std::atomic<bool> refuse_writes = false;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<RefusingStore> refusing_;
};

/// A client with the public part of `key`, registered for `scope`.
Client make_client(std::string id, const jose::PrivateJwk& key,
                   std::string_view scope = "system/*.read");

}  // namespace sluice::smart

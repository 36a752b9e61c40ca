#include "transport/transfer_set.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "scripted_server.h"

namespace sluice::transport {
namespace {

using namespace std::chrono_literals;

Policy allowing() {
  Policy policy;
  policy.allows_http = true;
  return policy;
}

TEST(TransferSet, TransfersEndByThemselvesWhileAnotherWaits) {
  const ScriptedServer server({http_ok("", "answer")});
  const ScriptedServer silent({""});
  Transfer waiting, first, second;
  TransferSet set;
  ASSERT_TRUE(waiting.begin(allowing(), {"GET", silent.url("/")}));
  ASSERT_TRUE(first.begin(allowing(), {"GET", server.url("/1")}));
  ASSERT_TRUE(second.begin(allowing(), {"GET", server.url("/2")}));
  for (Transfer* each : {&waiting, &first, &second}) set.add(*each);
  std::vector<Transfer*> over;
  while (over.size() < 2) {
    for (Transfer* each : set.advance()) over.push_back(each);
    set.wait(100ms);
  }
  EXPECT_EQ(first.outcome().body, "answer");
  EXPECT_EQ(second.outcome().body, "answer");
  // One that has ended may begin anew.
  ASSERT_TRUE(first.begin(allowing(), {"GET", server.url("/3")}));
  EXPECT_EQ(first.outcome().body, "");
  set.add(first);
  while (set.advance().empty()) set.wait(100ms);
  EXPECT_EQ(first.outcome().body, "answer");
  set.remove(waiting);
}

TEST(TransferSet, A04WhatThePolicyRefusesDoesNotBegin) {
  Transfer transfer;
  EXPECT_FALSE(transfer.begin({}, {"GET", "http://127.0.0.1:1/?s3cret"}));
  EXPECT_EQ(transfer.outcome().ending, Ending::kInvalidUrl);
  EXPECT_EQ(transfer.outcome().reason, "it is not an https URL");
}

TEST(TransferSet, WakeEndsAWait) {
  TransferSet set;
  std::jthread waker([&] { set.wake(); });
  set.wait(600s);
}

}  // namespace
}  // namespace sluice::transport

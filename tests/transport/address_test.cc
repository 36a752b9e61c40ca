#include "transport/address.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(Address, A04KnowsPublicAddressesFromOthers) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255",
                              "100.128.0.1", "192.167.1.1", "2606:4700::1111", "2a00:1450::1"})
    EXPECT_TRUE(is_public_address(address)) << address;
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.255.254",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.0.1",
                              "192.0.2.1",
                              "192.88.99.1",
                              "198.18.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2001::1",
                              "2001:db8::1",
                              "localhost",
                              "",
                              "1.2.3"})
    EXPECT_FALSE(is_public_address(address)) << address;
}

}  // namespace
}  // namespace sluice::transport

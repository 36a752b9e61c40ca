// Which connections are let in: no address takes the places of all others.
#include "http/admission.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using Tickets = std::vector<Admission::Ticket>;

/// How many of `count` connections of an address are served, refused and dropped; they are kept.
std::string admit(Admission& admission, Tickets& tickets, std::string_view address, int count) {
  int served = 0;
  int refused = 0;
  int dropped = 0;
  for (int i = 0; i < count; ++i) {
    auto ticket = admission.admit(address);
    ++(!ticket ? dropped : ticket->is_refused() ? refused : served);
    if (ticket) tickets.push_back(std::move(*ticket));
  }
  return std::to_string(served) + " " + std::to_string(refused) + " " + std::to_string(dropped);
}

TEST(Admission, RefusesMoreThanAreAllowedInAllAndThenOfAnAddress) {
  Admission admission(10, 4, {});
  Tickets tickets;
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 6), "4 2 0");
  EXPECT_EQ(tickets.back().refusal()->status, 429);
  EXPECT_EQ(admit(admission, tickets, "192.0.2.2", 4), "4 0 0");
  EXPECT_EQ(admit(admission, tickets, "192.0.2.3", 4), "2 2 0");
  EXPECT_EQ(tickets.back().refusal()->status, 503);
  EXPECT_TRUE(tickets.back().refusal()->error.retry_after);
  EXPECT_EQ(admission.served(), 10u);
  tickets.clear();
  EXPECT_EQ(admission.served(), 0u);
  EXPECT_TRUE(admission.wait_for_none(std::chrono::milliseconds(0)));
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 4), "4 0 0");
}

TEST(Admission, KeepsPlacesToRefuseOthersWhenOneAddressIsRefusedOften) {
  Admission admission(1000, 1, {});
  Tickets tickets;
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 1000), "1 64 935");
  EXPECT_EQ(admit(admission, tickets, "192.0.2.2", 3), "1 2 0");
}

TEST(Admission, CountsAnIpv6NetworkAsOneAddress) {
  Admission admission(100, 2, {});
  Tickets tickets;
  EXPECT_EQ(admit(admission, tickets, "2001:db8:0:1::1", 1), "1 0 0");
  EXPECT_EQ(admit(admission, tickets, "2001:db8:0:1:2:3:4:5", 1), "1 0 0");
  EXPECT_EQ(admit(admission, tickets, "2001:db8:0:1::2", 1), "0 1 0");
  EXPECT_EQ(admit(admission, tickets, "2001:db8:0:2::1", 1), "1 0 0");
}

TEST(Admission, DoesNotCountProxiesByAddress) {
  Admission admission(50, 2, {"192.0.2.1"});
  Tickets tickets;
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 50), "50 0 0");
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 300), "0 256 44");
}

TEST(Admission, HasNoLimitOfAddressesWhenToldSo) {
  Admission admission(50, 0, {});
  Tickets tickets;
  EXPECT_EQ(admit(admission, tickets, "192.0.2.1", 51), "50 1 0");
}

}  // namespace
}  // namespace sluice::http

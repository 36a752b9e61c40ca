// a capability URL is good for one file, for a while.
#include "smart/signed_url.h"

#include <gmock/gmock.h>

#include <array>

#include "base/base64.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using std::chrono::hours;

class SignedUrlTest : public SmartTest {
 protected:
  SignedUrlTest() { open(); }
  void open() { signer = UrlSigner::open(store(), clock).value(); }
  void restart() {
    signer.reset();
    reopen();
    open();
  }
  std::string sign(std::string_view job = "j1", std::string_view file = "Patient.1.ndjson") {
    return signer->sign({job, file, "g1"}, clock.now() + hours(1)).value();
  }
  bool good(std::string_view capability, std::string_view job = "j1",
            std::string_view file = "Patient.1.ndjson") {
    return signer->check({job, file, "g1"}, capability).has_value();
  }

  std::unique_ptr<UrlSigner> signer;
};

TEST_F(SignedUrlTest, IsGoodForItsFileAlsoAfterARestart) {
  const std::string capability = sign();
  EXPECT_TRUE(good(capability));
  EXPECT_EQ(capability.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789-_."),
            std::string::npos)
      << capability;
  EXPECT_EQ(capability.substr(0, 11), "1700003600.");
  restart();
  EXPECT_TRUE(good(capability));
}

TEST_F(SignedUrlTest, IsGoodForNoOtherJobOrFile) {
  const std::string capability = sign();
  EXPECT_FALSE(good(capability, "j2"));
  EXPECT_FALSE(good(capability, "j1", "Patient.2.ndjson"));
  EXPECT_FALSE(good(capability, "j1", "Patient.1.ndjson.gz"));
  EXPECT_FALSE(good(capability, "j1P", "atient.1.ndjson"));
  EXPECT_FALSE(good(capability, "", "j1Patient.1.ndjson"));
  EXPECT_FALSE(good(capability, "j1", ""));
  EXPECT_FALSE(good(sign("j1", std::string("a\0b", 3)), "j1", "a"));
}

TEST_F(SignedUrlTest, R06IsGoodForOneGenerationOfItsClient) {
  const std::string capability = sign();
  for (const char* generation : {"g2", "", "g", "g11"})
    EXPECT_EQ(signer->check({"j1", "Patient.1.ndjson", generation}, capability).error().kind,
              ErrorKind::kUnauthenticated)
        << generation;
  EXPECT_FALSE(signer->check({"j1", "Patient.1.ndjsong1", ""}, capability));
}

TEST_F(SignedUrlTest, EndsWhenItExpiresAndSaysSo) {
  const std::string capability = sign();
  clock.advance(hours(1) - std::chrono::milliseconds(1));
  EXPECT_TRUE(good(capability));
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(signer->check({"j1", "Patient.1.ndjson", "g1"}, capability).error().kind,
            ErrorKind::kGone);
  EXPECT_EQ(signer->check({"j2", "Patient.1.ndjson", "g1"}, capability).error().kind,
            ErrorKind::kUnauthenticated)
      << "only a right one learns that it is over";
}

TEST_F(SignedUrlTest, RefusesWhatWasChanged) {
  const std::string capability = sign();
  const std::size_t first = capability.find('.');
  const std::size_t second = capability.rfind('.');
  const std::string key = capability.substr(first, second - first + 1);
  const std::string mac = capability.substr(second + 1);
  const std::vector<std::string> bad = {
      "",
      ".",
      "..",
      "...",
      capability + "=",
      capability + "A",
      " " + capability,
      capability + ".",
      capability.substr(0, capability.size() - 1),
      capability.substr(0, capability.size() - 4),
      "9999999999" + key + mac,
      "01700003600" + key + mac,
      "+1700003600" + key + mac,
      "1700003600 " + key + mac,
      "-1" + key + mac,
      "1.7e9" + key + mac,
      "" + key + mac,
      "99999999999999999999" + key + mac,
      "1700003600.." + mac,
      "1700003600.unknown." + mac,
      "1700003600" + key,
      "1700003600" + key + base64url_encode(std::string(32, '\0')),
      "1700003600" + key + base64url_encode(std::string(16, '\0')),
      std::string(1'000'000, '.'),
      std::string("1700003600\0", 11) + key + mac};
  for (const std::string& text : bad) EXPECT_FALSE(good(text)) << text.substr(0, 120);
  for (std::size_t i = 0; i < capability.size(); ++i) {
    std::string changed = capability;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(good(changed)) << i;
  }
}

TEST_F(SignedUrlTest, OldKeysAreAcceptedUntilTheLongestLifetimeIsOver) {
  const std::string capability =
      signer->sign({"j1", "Patient.1.ndjson", "g1"}, clock.now() + hours(24 * 365)).value();
  EXPECT_EQ(capability.substr(0, 11), "1702592000.") << "cut to 30 days";
  for (int day = 0; day < 29; ++day) {
    clock.advance(hours(24));
    ASSERT_TRUE(signer->maintain());
  }
  EXPECT_EQ(documents("smart-key/capability/"), 30u);
  restart();
  EXPECT_TRUE(good(capability));
  clock.advance(hours(24 * 3));
  ASSERT_TRUE(signer->maintain());
  EXPECT_FALSE(good(capability));
  EXPECT_LE(documents("smart-key/capability/"), 31u);
}

TEST_F(SignedUrlTest, TwoServersDoNotShareKeys) {
  const std::string capability = sign();
  store::Transaction wipe;
  for (const auto& document : store().documents("smart-key/", "", 100).value())
    wipe.documents.push_back({document.key, std::nullopt});
  ASSERT_TRUE(store().write(wipe));
  restart();
  EXPECT_FALSE(good(capability));
}

TEST_F(SignedUrlTest, RefusesOptionsOutOfRange) {
  for (const UrlSignerOptions options :
       {UrlSignerOptions{hours(0), hours(24)}, UrlSignerOptions{hours(24), hours(0)},
        UrlSignerOptions{hours(1), hours(24 * 365)}})
    EXPECT_FALSE(UrlSigner::open(store(), clock, options));
}

}  // namespace
}  // namespace sluice::smart

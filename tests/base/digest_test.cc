// Digests: the vectors of FIPS 180-4, whole and in pieces, one after the other.
#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace sluice {
namespace {

TEST(Digest, Sha256OfTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(view(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(view(sha256(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, OneDigesterGivesOneDigestAfterTheOther) {
  Digester sha256(DigestAlgorithm::kSha256);
  sha256.add("a");
  sha256.add("");
  sha256.add("bc");
  EXPECT_EQ(to_hex(sha256.finish()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256.finish()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  sha256.add("abc");
  EXPECT_EQ(to_hex(sha256.finish()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, Sha1IsTheHashOfFhirsAttachments) {
  Digester sha1(DigestAlgorithm::kSha1);
  sha1.add("abc");
  EXPECT_EQ(to_hex(sha1.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace sluice

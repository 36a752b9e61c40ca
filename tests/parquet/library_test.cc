// What the library must not change in the process that loads it.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <array>
#include <string>

#include "base/file.h"
#include "parquet/library.h"
#include "parquet_library.h"
#include "temporary_folder.h"

namespace sluice::parquet {
namespace {

std::string file_of(const void* address) {
  Dl_info info{};
  return ::dladdr(address, &info) != 0 ? info.dli_fname : "";
}

TEST(Library, LeavesOpenSslToTheSystem) {
  ASSERT_TRUE(library());
  // Their names are looked up now, after it was loaded, and they are those that the program calls.
  for (const char* name : {"EVP_DigestInit_ex", "EVP_EncryptInit_ex", "EVP_DigestSign",
                           "EVP_PKEY_verify", "RAND_bytes", "ERR_get_error", "BIO_new"}) {
    const void* const found = ::dlsym(RTLD_DEFAULT, name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_THAT(file_of(found), testing::HasSubstr("/libcrypto.so")) << name;
  }
  EXPECT_THAT(file_of(reinterpret_cast<const void*>(&EVP_DigestInit_ex)),
              testing::HasSubstr("/libcrypto.so"));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ASSERT_EQ(EVP_Digest("abc", 3, digest.data(), &size, EVP_sha256(), nullptr), 1);
  EXPECT_EQ(size, 32U);
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(Library, KeepsItsSymbolsToItself) {
  const auto loaded = library();
  ASSERT_TRUE(loaded);
  const std::string file = file_of(reinterpret_cast<const void*>((*loaded)->create));
  EXPECT_THAT(file, testing::HasSubstr("libsluice_parquet.so"));
  EXPECT_EQ(::dlsym(RTLD_DEFAULT, SLUICE_PARQUET_ENTRY), nullptr);
  // One of libarrow, which came with it.
  EXPECT_EQ(::dlsym(RTLD_DEFAULT, "_ZN5arrow12GetBuildInfoEv"), nullptr);
  void* const own = ::dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(own, nullptr);
  EXPECT_NE(::dlsym(own, "_ZN5arrow12GetBuildInfoEv"), nullptr);
  ::dlclose(own);
}

TEST(Library, RefusesWhatIsNoParquet) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "no.parquet";
  for (const std::string& text : {std::string(), std::string("PAR1PAR1"), std::string(1000, 'x'),
                                  "PAR1" + std::string(64, '\xff') + "PAR1"}) {
    const auto file = create_file(path);
    ASSERT_TRUE(write_all(file->get(), text, path));
    const auto rows = count_rows(path);
    ASSERT_FALSE(rows) << text.size();
    EXPECT_EQ(rows.error().kind, ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace sluice::parquet

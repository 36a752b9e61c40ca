// Stored ViewDefinitions are found by reference and by canonical URL, as of a snapshot.
#include "bulk/table/stored_views.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "fhir/resource_reader.h"
#include "store/rocksdb/rocksdb_store.h"
#include "ticking_clock.h"

namespace sluice::bulk {
namespace {

constexpr std::string_view kBase = "https://sluice.example/fhir";
constexpr std::string_view kUrl = "http://views.example/ViewDefinition/patients";

class StoredViews : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("sluice-views-" + random_hex(8));
    auto store = store::open_rocksdb_store(folder_, clock_);
    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    store_ = std::move(*store);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  store::Sequence put(std::string_view id, std::string_view members) {
    const auto resource =
        fhir::ResourceReader()
            .read(
                fmt::format(R"({{"resourceType":"ViewDefinition","id":"{}",{}"resource":"Patient",)"
                            R"("select":[{{"column":[{{"name":"id","path":"id"}}]}}]}})",
                            id, members))
            .value();
    store::Transaction transaction;
    transaction.puts = {&resource};
    return store_->write(transaction).value().commit.sequence;
  }

  StoredViewScope scope() const { return {*store_, store_->last_commit().sequence, kBase}; }
  std::string source_of(std::string_view text) const {
    const auto found = find_view(scope(), text);
    return found ? found->source() : found.error().message;
  }
  ErrorKind error_of(std::string_view text) const { return find_view(scope(), text).error().kind; }

  TickingClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(StoredViews, AReferenceFindsTheNewestVersionOfASnapshot) {
  const auto first = put("a", R"("name":"one",)");
  put("a", R"("name":"two",)");
  EXPECT_EQ(source_of("ViewDefinition/a"), "ViewDefinition/a/_history/2");
  EXPECT_EQ(source_of("https://sluice.example/fhir/ViewDefinition/a"),
            "ViewDefinition/a/_history/2");
  const auto before = find_view({*store_, first, kBase}, "ViewDefinition/a");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->version, 1u);
  EXPECT_NE(before->json.find(R"("name":"one")"), std::string::npos) << before->json;
}

TEST_F(StoredViews, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(error_of("ViewDefinition/none"), ErrorKind::kNotFound);
  EXPECT_EQ(error_of(kUrl), ErrorKind::kNotFound);
  EXPECT_EQ(source_of("http://views.example/none|2"),
            "there is no ViewDefinition 'http://views.example/none|2'");
  EXPECT_EQ(error_of("Patient/a"), ErrorKind::kInvalid);
  EXPECT_EQ(error_of("|1"), ErrorKind::kInvalid);
  put("a", "");
  EXPECT_EQ(error_of("ViewDefinition/a/_history/1"), ErrorKind::kUnsupported);
  EXPECT_EQ(error_of("https://other.example/fhir/ViewDefinition/a"), ErrorKind::kNotFound);
}

TEST_F(StoredViews, ACanonicalUrlFindsTheNewestVersionOrTheOneThatItNames) {
  const auto member = [](std::string_view version) {
    return fmt::format(R"("url":"{}","version":"{}",)", kUrl, version);
  };
  put("none", fmt::format(R"("url":"{}",)", kUrl));
  put("ten", member("1.10.0"));
  put("nine", member("1.9.0"));
  put("draft", member("1.10.0-rc.1"));
  put("other", R"("url":"http://views.example/ViewDefinition/patients2","version":"9",)");
  EXPECT_EQ(source_of(kUrl), "ViewDefinition/ten/_history/1");
  EXPECT_EQ(source_of(fmt::format("{}|1.9.0", kUrl)), "ViewDefinition/nine/_history/1");
  EXPECT_EQ(error_of(fmt::format("{}|1.9", kUrl)), ErrorKind::kNotFound);
  put("retired", member("2.0.0") + R"("status":"retired",)");
  EXPECT_EQ(source_of(kUrl), "ViewDefinition/ten/_history/1") << "not one that is retired";
  EXPECT_EQ(source_of(fmt::format("{}|2.0.0", kUrl)), "ViewDefinition/retired/_history/1");
}

TEST_F(StoredViews, TwoOfTheSameVersionAreAmbiguous) {
  put("a", fmt::format(R"("url":"{}","version":"1",)", kUrl));
  put("b", fmt::format(R"("url":"{}","version":"1",)", kUrl));
  EXPECT_EQ(source_of(kUrl),
            "ViewDefinition 'http://views.example/ViewDefinition/patients' is ambiguous: "
            "ViewDefinition/a and ViewDefinition/b have the same version; name one of them by "
            "reference");
  EXPECT_EQ(error_of(kUrl), ErrorKind::kInvalid);
  put("c", fmt::format(R"("url":"{}","version":"2",)", kUrl));
  EXPECT_EQ(source_of(kUrl), "ViewDefinition/c/_history/1");
}

TEST_F(StoredViews, ACanonicalUrlBelowTheBaseIsFoundTooWhenNoIdIsLikeIt) {
  put("stored", R"("url":"https://sluice.example/fhir/ViewDefinition/published",)");
  EXPECT_EQ(source_of("https://sluice.example/fhir/ViewDefinition/published"),
            "ViewDefinition/stored/_history/1");
}

TEST_F(StoredViews, WhatAClientMayNotSeeIsNotThere_S08) {
  put("a", fmt::format(R"("url":"{}",)", kUrl));
  StoredViewScope limited = scope();
  limited.may_see = [](std::string_view) -> Result<bool> { return false; };
  EXPECT_EQ(find_view(limited, kUrl).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(find_view(limited, "ViewDefinition/a").error().kind, ErrorKind::kNotFound);
}

TEST(Versions, AreComparedAsSemverHasIt) {
  const std::vector<std::string> ordered{
      "",      "1",      "1.2",  "1.2.0-alpha", "1.2.0-alpha.1", "1.2.0-rc",
      "1.2.0", "1.10.0", "2024", "2024-01",     "2024-02",       "2024-02-29"};
  for (std::size_t a = 0; a < ordered.size(); ++a)
    for (std::size_t b = 0; b < ordered.size(); ++b) {
      const int expected = a < b ? -1 : a > b ? 1 : 0;
      EXPECT_EQ(compare_versions(ordered[a], ordered[b]), expected)
          << ordered[a] << " " << ordered[b];
    }
  EXPECT_EQ(compare_versions("1.0+a", "1.0+b"), 0);
  EXPECT_EQ(compare_versions("1.01", "1.1"), 0);
}

}  // namespace
}  // namespace sluice::bulk

// Loading into a store: every way in, order, duplicates, what is refused and how it is said.
#include "bulk/load/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "load_fixture.h"

namespace sluice::bulk {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// ---- ways in ----

TEST_F(LoadTest, LoadsLinesGzipBundlesAndFoldersTogether) {  // I-01
  file("in/a.ndjson", patient("a1") + "\n" + patient("a2") + "\n");
  file("in/deep/b.ndjson.gz", gzip(patient("b") + "\n"));
  file("in/c.json", "{\n\"resourceType\": \"Patient\",\n\"id\": \"c\"\n}\n");
  file("in/d.json", bundle("collection", "{\"resource\":" + patient("d") + "}"));
  file("in/e.txt", patient("e"));
  const auto summary = load({(folder_ / "in").string(), file("f.txt", patient("f"))});
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/a1", 1), Pair("Patient/a2", 1),
                                               Pair("Patient/b", 1), Pair("Patient/c", 1),
                                               Pair("Patient/d", 1), Pair("Patient/f", 1)));
  EXPECT_EQ(summary.files, 5u);
  EXPECT_EQ(summary.types.at("Patient").created, 6u);
}

TEST_F(LoadTest, KeepsTheSourcesBytesButForMeta) {  // F-05
  options_.leniency = fhir::Leniency::kLenient;
  const std::string begin = R"({"resourceType":"Observation", "id":"o")";
  const std::string rest =
      R"(,"valueQuantity":{"value":1.50 ,"unit":"\u00e9"},"x":12345678901234567890.10})";
  load({file("a.ndjson", begin + rest)});
  const auto line = json("Observation", "o");
  EXPECT_THAT(line, StartsWith(begin + R"(,"meta":{"versionId":"1","lastUpdated":")"));
  EXPECT_THAT(line, EndsWith("\"}" + rest));
}

TEST_F(LoadTest, LoadsReferencesBeforeTheirTargets) {  // I-01
  load({file("1.ndjson", observation("o", "Patient/p") + "\n"),
        file("2.ndjson", patient("p") + "\n")});
  auto scan = *store_->scan(store::of_owner(*fhir::find_resource_type("Observation"), "p"),
                            store_->last_commit().sequence);
  store::RecordView view;
  ASSERT_TRUE(*scan->next(view));
  EXPECT_EQ(view.id, "o");
}

TEST_F(LoadTest, CountsReferencesBelowTheBaseUrlAsLocal) {
  options_.base_url = "https://source/fhir";
  load({file("1.ndjson", observation("o", "https://source/fhir/Patient/p"))});
  EXPECT_EQ(record("Observation", "o")->owner, "p");
}

TEST_F(LoadTest, RewritesUuidReferencesOfATransaction) {  // I-01
  const std::string uuid = "3f2c8a52-1111-4c1e-9d5b-111111111111";
  load({file("t.json",
             bundle("transaction", R"({"resource":)" + observation("o", "urn:uuid:" + uuid) +
                                       R"(},{"fullUrl":)" + R"("urn:uuid:)" + uuid +
                                       R"(","resource":{"resourceType":"Patient"},)" +
                                       R"("request":{"method":"POST","url":"Patient"}})"))});
  EXPECT_THAT(json("Observation", "o"), HasSubstr(R"("reference":"Patient/)" + uuid + "\""));
  EXPECT_EQ(record("Observation", "o")->owner, uuid);
  EXPECT_THAT(versions(),
              UnorderedElementsAre(Pair("Observation/o", 1), Pair("Patient/" + uuid, 1)));
}

TEST_F(LoadTest, TakesABundleApartWhoseKeysAreSorted) {
  // "resourceType" comes after the entries, far from the beginning.
  std::string entries;
  for (int i = 0; i < 200; ++i)
    entries += (i > 0 ? "," : "") + ("{\"resource\":" + patient("p" + std::to_string(i))) + "}";
  load({file("a.json", R"({"entry":[)" + entries + R"(],"resourceType":"Bundle",)" +
                           R"("type":"collection"})")});
  EXPECT_EQ(versions().size(), 200u);
  EXPECT_TRUE(record("Patient", "p199"));
}

TEST_F(LoadTest, KeepsADocumentBundleWhole) {
  // The word "collection" in it is a Specimen's.
  const std::string entries =
      R"({"resource":{"resourceType":"Specimen","id":"s","collection":{"method":{}}}})";
  std::string document = bundle("document", entries);
  document.insert(1, R"("id":"d",)");
  load({file("a.json", document)});
  EXPECT_THAT(versions(), ElementsAre(Pair("Bundle/d", 1)));
}

TEST_F(LoadTest, AResourceThatOnlyMentionsABundleIsAResource) {
  options_.leniency = fhir::Leniency::kLenient;
  load({file("a.ndjson", R"({"resourceType":"Basic","id":"b","code":{"text":"Bundle"},)"
                         R"("type":"collection","x":["Bundle","collection"]})")});
  EXPECT_THAT(versions(), ElementsAre(Pair("Basic/b", 1)));
}

TEST_F(LoadTest, TakesTheNewestVersionOfAHistoryBundle) {
  load({file("a.json", bundle("history", "{\"resource\":" + patient("p", "female") +
                                             "},{\"resource\":" + patient("p", "male") + "}"))});
  EXPECT_THAT(json("Patient", "p"), HasSubstr("female"));
}

TEST_F(LoadTest, ABundleOfResourcesWithoutIdentityChangesNothingTheSecondTime) {  // I-01
  const std::string nameless = R"({"resource":{"resourceType":"Patient","gender":"male"}})";
  const auto path =
      file("a.json", bundle("collection", nameless + "," + nameless + "," + nameless + "," +
                                              R"({"resource":{"resourceType":"Patient"}},)" +
                                              "{\"resource\":" + patient("0") + "}"));
  EXPECT_EQ(load({path}).types.at("Patient").created, 5u);
  const auto before = versions();
  EXPECT_EQ(before.size(), 5u);
  EXPECT_EQ(before.count("Patient/0"), 1u);
  EXPECT_EQ(load({path}).types.at("Patient").unchanged, 5u);
  EXPECT_EQ(versions(), before);
}

// ---- again and twice ----

TEST_F(LoadTest, TheSameAgainMakesNoNewVersion) {  // I-01
  std::string lines;
  for (int i = 0; i < 500; ++i)
    lines += observation("o" + std::to_string(i), "Patient/p" + std::to_string(i % 7)) + "\n";
  const auto path = file("a.ndjson", lines);
  const auto packed = file("b.ndjson.gz", gzip(lines));
  options_.batch_size = 3000;
  EXPECT_EQ(load({path}).types.at("Observation").created, 500u);
  const auto before = json("Observation", "o7");
  const auto again = load({packed});
  EXPECT_EQ(again.types.at("Observation").unchanged, 500u);
  EXPECT_EQ(again.types.at("Observation").created, 0u);
  EXPECT_EQ(again.types.at("Observation").updated, 0u);
  EXPECT_EQ(json("Observation", "o7"), before);
}

TEST_F(LoadTest, OtherContentMakesANewVersion) {
  load({file("a.ndjson", patient("p", "male") + "\n" + patient("q"))});
  const auto summary = load({file("b.ndjson", patient("p", "female") + "\n" + patient("q"))});
  EXPECT_EQ(summary.types.at("Patient").updated, 1u);
  EXPECT_EQ(summary.types.at("Patient").unchanged, 1u);
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/p", 2), Pair("Patient/q", 1)));
}

TEST_F(LoadTest, OfDuplicatesTheLastCountsWhereverTheBatchesEnd) {  // I-01
  for (const std::size_t batch : {1u, 100u, 300u, 1u << 20}) {
    SCOPED_TRACE(batch);
    options_.batch_size = batch;
    const std::string id = "b" + std::to_string(batch);
    const auto path = file("a.ndjson", patient(id, "a") + "\n" + patient("x" + id) + "\n" +
                                           patient(id, "b") + "\n" + patient(id, "c") + "\n");
    load({path});
    EXPECT_THAT(json("Patient", id), HasSubstr(R"("gender":"c")"));
    const auto before = versions();
    load({path});
    EXPECT_EQ(versions(), before);
  }
}

TEST_F(LoadTest, AnUpdateThatIsTakenBackLaterInTheInputMakesNoVersion) {  // I-01
  options_.batch_size = 1;
  load({file("a.ndjson", patient("p", "a"))});
  const auto summary = load({file("b.ndjson", patient("p", "b") + "\n" + patient("p", "a"))});
  EXPECT_EQ(summary.superseded, 1u);
  EXPECT_EQ(summary.types.at("Patient").unchanged, 1u);
  EXPECT_THAT(versions(), ElementsAre(Pair("Patient/p", 1)));
}

TEST_F(LoadTest, UpdatesBeyondTheirBoundAreWrittenEarlyAndTheLastStillCounts) {
  load({file("a.ndjson", patient("p", "a") + "\n" + patient("q", "a"))});
  options_.batch_size = 1;
  options_.pending_size_max = 0;
  load({file("b.ndjson", patient("p", "b") + "\n" + patient("q", "b") + "\n" + patient("p", "c"))});
  EXPECT_THAT(json("Patient", "p"), HasSubstr(R"("gender":"c")"));
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/p", 3), Pair("Patient/q", 2)));
}

// ---- what is refused ----

TEST_F(LoadTest, NamesFileLineAndReasonOfABadLineAndLoadsTheRest) {  // I-01
  const auto path =
      file("mixed.ndjson", patient("a") + "\n{nonsense\n\n" + patient("b") +
                               "\r\n{\"resourceType\":\"Nothing\",\"id\":\"x\"}\n" + patient("c"));
  const auto summary = load({path});
  ASSERT_THAT(problems(), ElementsAre(StartsWith("mixed.ndjson:2: "),
                                      StartsWith("mixed.ndjson:5: resourceType")));
  EXPECT_EQ(problems_[0].path, path);
  EXPECT_FALSE(summary.stopped_by_problem);
  EXPECT_EQ(versions().size(), 3u);
}

// What light validation finds fault with, in each way a resource comes in, with good ones between.
constexpr const char* kFaulty =
    R"({"resourceType":"Observation","id":"f","statsu":"final","subject":{"reference":"no one"}})";
constexpr const char* kFaults =
    "'statsu' is not an element of Observation; Observation.status is missing; "
    "Observation.code is missing; "
    "Observation.subject.reference is neither a URL nor a Type/id of R4 nor a #id";

TEST_F(LoadTest, NamesWhatLightValidationFindsAndLoadsTheRest) {  // I-02
  load({file("a.ndjson", patient("a") + "\n" + kFaulty + "\n" + patient("b")),
        file("b.json", bundle("collection", "{\"resource\":" + patient("c") +
                                                "},{\"resource\":" + kFaulty + "}"))});
  EXPECT_THAT(problems(), ElementsAre(std::string("a.ndjson:2: ") + kFaults,
                                      std::string("b.json:1: entry 1: ") + kFaults));
  EXPECT_EQ(versions().size(), 3u);
  options_.strict = true;
  EXPECT_TRUE(load({file("c.ndjson", patient("d") + "\n" + kFaulty)}).stopped_by_problem);
  EXPECT_EQ(versions().size(), 3u);
}

TEST_F(LoadTest, LenientlyFaultsAreWarningsAndLoaded) {  // I-02
  options_.leniency = fhir::Leniency::kLenient;
  options_.strict = true;
  options_.paths = {file("a.ndjson", patient("a") + "\n" + kFaulty + "\n" + patient("b"))};
  const auto summary = bulk::load(*store_, options_, {});
  ASSERT_TRUE(summary);
  EXPECT_FALSE(summary->stopped_by_problem);
  EXPECT_EQ(summary->problems, 0u);
  EXPECT_EQ(summary->warnings, 1u);
  EXPECT_THAT(problems(), ElementsAre(std::string("a.ndjson:2: ") + kFaults));
  EXPECT_TRUE(problems_[0].is_loaded);
  EXPECT_THAT(json("Observation", "f"), HasSubstr("statsu"));
  EXPECT_EQ(versions().size(), 3u);
  // What cannot be read stays out.
  options_.strict = false;
  load({file("b.ndjson", "{nonsense\n" + patient("c"))});
  EXPECT_FALSE(problems_.at(0).is_loaded);
}

TEST_F(LoadTest, TellsTheFirstOfManyWarningsAndCountsAll) {
  options_.leniency = fhir::Leniency::kLenient;
  std::string lines;
  for (int i = 0; i < 300; ++i)
    lines += R"({"resourceType":"Patient","x":1,"id":"p)" + std::to_string(i) + "\"}\n";
  options_.paths = {file("a.ndjson", lines)};
  const auto summary = bulk::load(*store_, options_, {});
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->warnings, 300u);
  EXPECT_EQ(problems_.size(), kWarningsTold);
  EXPECT_EQ(versions().size(), 300u);
}

TEST_F(LoadTest, AnInputStopsAfterSoManyProblemsAndTheNextOneIsLoaded) {  // R-01
  options_.problems_max = 3;
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += patient("p" + std::to_string(i)) + "\nnonsense\n";
  load({file("a.ndjson", lines), file("b.ndjson", "nonsense\n" + patient("b"))});
  EXPECT_THAT(problems(), ElementsAre(StartsWith("a.ndjson:2: "), StartsWith("a.ndjson:4: "),
                                      StartsWith("a.ndjson:6: "),
                                      "a.ndjson:6: 3 problems: what follows is not loaded",
                                      StartsWith("b.ndjson:1: ")));
  EXPECT_THAT(versions(), UnorderedElementsAre(Pair("Patient/p0", 1), Pair("Patient/p1", 1),
                                               Pair("Patient/p2", 1), Pair("Patient/b", 1)));
  options_.problems_max = 0;
  load({file("a.ndjson", lines)});
  EXPECT_EQ(problems_.size(), 10u);
}

TEST_F(LoadTest, LargeGroupsOfOneInputFollowEachOther) {  // R-01
  options_.limits.resource_size_max = 300'000;
  std::string lines;
  for (const char* id : {"g1", "g2", "g3"})
    lines += R"({"resourceType":"Group","type":"person","actual":true,"id":")" + std::string(id) +
             R"(","member":[{"entity":{"display":")" + std::string(1u << 20, 'x') + "\"}}]}\n";
  EXPECT_EQ(load({file("a.ndjson", lines)}).types.at("Group").created, 3u);
}

TEST_F(LoadTest, ABadFirstLineDoesNotHideTheOthers) {  // I-01
  for (const std::string& first : {std::string("{nonsense"), patient("x").substr(0, 30),
                                   patient("x").substr(0, 25), std::string("{")}) {
    SCOPED_TRACE(first);
    load({file("a.ndjson", first + "\n" + patient("a") + "\n" + patient("b"))});
    EXPECT_THAT(problems(), ElementsAre(StartsWith("a.ndjson:1: ")));
  }
  EXPECT_EQ(versions().size(), 2u);
}

TEST_F(LoadTest, LineNumbersStayRightInALargeFile) {  // I-01
  std::string lines;
  for (int i = 1; i <= 40'000; ++i)
    lines += i % 9'999 == 0 ? "{\n" : patient("p" + std::to_string(i)) + "\n";
  for (const auto& path : {file("a.ndjson", lines), file("b.ndjson.gz", gzip(lines))}) {
    options_.parse_threads = 3;
    load({path});
    std::vector<std::uint64_t> places;
    for (const auto& problem : problems_) places.push_back(problem.place);
    EXPECT_THAT(places, ElementsAre(9'999, 19'998, 29'997, 39'996));
  }
  EXPECT_EQ(versions().size(), 39'996u);
}

TEST_F(LoadTest, CrlfBlankLinesByteOrderMarkAndAMissingLastLineBreakAreFine) {
  load({file("a.ndjson", "\xef\xbb\xbf\r\n" + patient("a") + "\r\n\r\n \t\n" + patient("b") +
                             "\r\n\n" + patient("c"))});
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(versions().size(), 3u);
  EXPECT_EQ(json("Patient", "a").find('\r'), std::string::npos);
}

TEST_F(LoadTest, EmptyFilesAreFine) {
  const auto summary = load({file("a.ndjson", ""), file("b.ndjson.gz", gzip("")),
                             file("c.json", "\n\n"), file("d.ndjson.gz", "")});
  EXPECT_EQ(summary.files, 4u);
  EXPECT_EQ(summary.resources, 0u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(LoadTest, EachLimitIsReportedForItsLine) {  // I-05
  options_.limits.resource_size_max = 2000;
  std::string deep = R"({"resourceType":"Patient","id":"d","extension":)";
  for (int i = 0; i < 60; ++i) deep += "[{\"extension\":";
  deep += "[]";
  for (int i = 0; i < 60; ++i) deep += "}]";
  const std::pair<std::string, std::string> cases[] = {
      {patient("long", std::string(3000, 'x')), "large"},
      {patient(std::string(65, 'i')), "id"},
      {patient("no space"), "id"},
      {R"({"resourceType":"Patient"})", "id"},
      {R"({"resourceType":"Patient","id":"x","gender":"a","gender":"b"})", "twice"},
      {deep + "}", "deep"},
      {patient("x", "\xe9"), "UTF-8"},
      {patient("x", std::string_view("\0", 1)), "JSON"},
      {std::string(10, '\0'), ""},
      {std::string("\0", 1) + patient("x"), ""},
      {patient("x") + patient("y"), "after"},
      {"[]", "object"},
      {"null", "object"},
  };
  std::string lines;
  for (const auto& [line, what] : cases) lines += line + "\n";
  load({file("a.ndjson", lines + patient("fine"))});
  ASSERT_EQ(problems_.size(), std::size(cases));
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(problems_[i].place, i + 1);
    EXPECT_THAT(problems_[i].reason, HasSubstr(cases[i].second));
  }
  EXPECT_THAT(versions(), ElementsAre(Pair("Patient/fine", 1)));
}

TEST_F(LoadTest, NamesTheEntryOfABundle) {  // I-01
  const std::string entries = "{\"resource\":" + patient("a") +
                              R"(},{"resource":{"resourceType":"Nothing","id":"x"}},{"resource":)" +
                              patient("b") + "}";
  load({file("pretty.json", "\n{\n" + bundle("batch", entries).substr(1))});
  ASSERT_THAT(problems(), ElementsAre(StartsWith("pretty.json:entry 1: resourceType")));
  load({file("lines.ndjson", patient("c") + "\n" + bundle("batch", entries) + "\n")});
  ASSERT_THAT(problems(), ElementsAre(StartsWith("lines.ndjson:2: entry 1: resourceType")));
  EXPECT_EQ(versions().size(), 3u);
}

TEST_F(LoadTest, ABundleThatTakesAwayIsRefused) {
  load({file("a.json",
             bundle("transaction", R"({"request":{"method":"DELETE","url":"Patient/a"}})"))});
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("DELETE")));
}

TEST_F(LoadTest, LoadsTheWholeLinesBeforeACutInGzipAndTheOtherFiles) {  // I-01
  std::mt19937_64 random(7);
  std::string lines;
  for (int i = 0; i < 20'000; ++i)
    lines += patient("p" + std::to_string(i), std::to_string(random())) + "\n";
  const auto bytes = gzip(lines);
  const auto cut = file("cut.ndjson.gz", std::string_view(bytes).substr(0, bytes.size() / 2));
  const auto summary = load({cut, file("good.ndjson", patient("good"))});
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_EQ(problems_[0].path, cut);
  EXPECT_EQ(problems_[0].reason, "the gzip data end in the middle");
  // Each line before the one that is named is there, none after it.
  EXPECT_EQ(versions().size(), problems_[0].place - 1 + 1);
  EXPECT_TRUE(record("Patient", "p" + std::to_string(problems_[0].place - 2)));
  EXPECT_FALSE(record("Patient", "p" + std::to_string(problems_[0].place - 1)));
  EXPECT_GT(summary.resources, 5'000u);
  EXPECT_TRUE(record("Patient", "good"));
}

TEST_F(LoadTest, AMissingPathIsAnErrorBeforeAnythingIsLoaded) {
  const auto summary = try_load({file("a.ndjson", patient("a")), (folder_ / "no").string()});
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(versions(), IsEmpty());
}

TEST_F(LoadTest, StopsWhenItIsAskedTo) {
  options_.paths = {file("a.ndjson", patient("a"))};
  std::stop_source stop;
  stop.request_stop();
  const auto summary = bulk::load(*store_, options_, stop.get_token());
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().kind, ErrorKind::kCancelled);
}

// ---- strict ----

TEST_F(LoadTest, StrictLoadsNothingOfTheFileAndTheFilesBehindIt) {  // I-01
  options_.strict = true;
  options_.batch_size = 1;
  std::string lines;
  for (int i = 0; i < 30'000; ++i) lines += patient("b" + std::to_string(i)) + "\n";
  const auto summary = load({file("a.ndjson", patient("a")), file("b.ndjson", lines + "{\n{\n"),
                             file("c.ndjson", patient("c"))});
  EXPECT_TRUE(summary.stopped_by_problem);
  EXPECT_THAT(problems(), ElementsAre(StartsWith("b.ndjson:30001: ")));
  EXPECT_THAT(versions(), ElementsAre(Pair("Patient/a", 1)));
}

TEST_F(LoadTest, StrictLoadsNothingOfACutGzipFile) {  // I-01
  options_.strict = true;
  const auto bytes = gzip(patient("a") + "\n" + patient("b") + "\n");
  const auto summary =
      load({file("a.ndjson.gz", std::string_view(bytes).substr(0, bytes.size() - 8))});
  EXPECT_TRUE(summary.stopped_by_problem);
  EXPECT_THAT(problems(), ElementsAre("a.ndjson.gz:3: the gzip data end in the middle"));
  EXPECT_THAT(versions(), IsEmpty());
}

TEST_F(LoadTest, StrictLoadsWhatIsRightAsWithoutIt) {
  options_.strict = true;
  const auto summary = load({file("a.ndjson", patient("a") + "\n" + patient("b")),
                             file("b.ndjson.gz", gzip(patient("c")))});
  EXPECT_FALSE(summary.stopped_by_problem);
  EXPECT_EQ(summary.types.at("Patient").created, 3u);
}

}  // namespace
}  // namespace sluice::bulk

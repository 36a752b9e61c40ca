// which scopes there are, what they allow, and what is granted of them.
#include "smart/scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::smart {
namespace {

using ::testing::HasSubstr;

fhir::ResourceType type(std::string_view name) {
  return fhir::find_resource_type(name).value();
}
ScopeSet set(std::string_view list) {
  return ScopeSet::parse(list).value();
}

TEST(Scope, IsReadAndWrittenAsTheClientSpellsIt) {
  for (const char* text :
       {"system/Patient.read", "system/Patient.write", "system/Patient.*", "system/*.read",
        "system/*.write", "system/*.*", "system/Patient.rs", "system/Patient.cruds",
        "system/Patient.r", "system/Patient.s", "system/Patient.cud", "system/*.rs",
        "system/*.cruds", "system/Observation.crs", "system/bulk-submit"}) {
    const auto scope = parse_scope(text);
    ASSERT_TRUE(scope) << text << ": " << scope.error().message;
    EXPECT_EQ(to_string(*scope), text);
  }
}

TEST(Scope, V1WordsAreV2Letters) {
  const auto bits = [](const char* text) { return parse_scope(text).value().permissions; };
  EXPECT_EQ(bits("system/Patient.read"), bits("system/Patient.rs"));
  EXPECT_EQ(bits("system/Patient.write"), bits("system/Patient.cud"));
  EXPECT_EQ(bits("system/Patient.*"), bits("system/Patient.cruds"));
}

TEST(Scope, RefusesWhatIsNoneAndNamesIt) {
  for (const char* text : {"",
                           " ",
                           "system",
                           "system/",
                           "system/.",
                           "system/Patient",
                           "system/Patient.",
                           "system/.read",
                           "system/patient.read",
                           "system/PATIENT.read",
                           "system/Patients.read",
                           "system/Resource.read",
                           "system/DomainResource.read",
                           "system/Foo.rs",
                           "system/Patient.reads",
                           "system/Patient.Read",
                           "system/Patient.sr",
                           "system/Patient.rr",
                           "system/Patient.rd ",
                           "system/Patient.dus",
                           "system/Patient.x",
                           "system/Patient.rs.rs",
                           "system/Patient.**",
                           "system/**.read",
                           "system/*",
                           "system/*.",
                           "System/Patient.read",
                           "SYSTEM/*.rs",
                           "system//Patient.read",
                           "system/Patient/read",
                           "system/bulk-submits",
                           "system/bulk-submit.rs",
                           "Bulk-submit",
                           "openid",
                           "fhirUser",
                           "offline_access",
                           "launch",
                           "launch/patient",
                           "*",
                           "*/*.read",
                           "*/*.*",
                           "system/Patient.read?a=b",
                           "system/Patient.?a=b",
                           "system/Patient?a.rs",
                           "system/Foo.rs?a=b",
                           "\x01",
                           "system/\xff.rs"}) {
    const auto scope = parse_scope(text);
    ASSERT_FALSE(scope) << text;
    EXPECT_EQ(scope.error().kind, ErrorKind::kInvalid) << text;
  }
  EXPECT_THAT(parse_scope("system/Foo.rs").error().message, HasSubstr("'system/Foo.rs'"));
}

TEST(Scope, RefusesScopesOfUsersAndPatients) {
  for (const char* text : {"user/Patient.read", "patient/*.rs", "user/*.*", "patient/Patient.r"})
    EXPECT_THAT(parse_scope(text).error().message, HasSubstr("system/ scopes only")) << text;
}

// one spelling for one meaning, so that scopes can be compared by their texts.
TEST(Scope, WithASearchQueryIsPrintedCanonically) {
  struct Case {
    const char* text;
    const char* canonical;
  };
  for (const Case& c : {
           Case{"system/Observation.rs?category=laboratory",
                "system/Observation.rs?category=laboratory"},
           Case{"system/Observation.r?category=http%3A%2F%2Fterminology.hl7.org%2Fx%7Claboratory",
                "system/Observation.r?category=http://terminology.hl7.org/x|laboratory"},
           Case{"system/Observation.rs?status=final&category=laboratory",
                "system/Observation.rs?category=laboratory&status=final"},
           Case{"system/Observation.rs?status=final&status=final&",
                "system/Observation.rs?status=final"},
           Case{"system/Patient.rs?name=a+b%22%5C", "system/Patient.rs?name=a%20b%22%5C"},
           Case{"system/*.cruds?_tag=a,b", "system/*.cruds?_tag=a,b"},
       }) {
    const auto scope = parse_scope(c.text);
    ASSERT_TRUE(scope) << c.text;
    EXPECT_EQ(to_string(*scope), c.canonical);
    EXPECT_EQ(parse_scope(c.canonical).value(), *scope);
  }
}

TEST(Scope, RefusesAQueryThatIsNotUnderstoodAndNamesIt) {
  struct Case {
    const char* text;
    const char* named;
  };
  for (const Case& c : {
           Case{"system/Observation.rs?", "search parameter"},
           Case{"system/Observation.rs?colour=red", "colour"},
           Case{"system/Observation.rs?status:above=final", "above"},
           Case{"system/Observation.rs?_count=3", "_count"},
           Case{"system/Observation.rs?date=yesterday", "yesterday"},
           Case{"system/Observation.rs?status=%zz", "%"},
           Case{"system/*.rs?status=final", "status"},
           Case{"system/Observation.rs?patient.gender=male", "chained"},
           Case{"system/Patient.rs?_has:Observation:patient:code=x", "chained"},
           Case{"system/Observation.read?status=final", "v2"},
       }) {
    const auto scope = parse_scope(c.text);
    ASSERT_FALSE(scope) << c.text;
    EXPECT_THAT(scope.error().message, HasSubstr(c.named));
  }
  std::string many;
  for (std::size_t i = 0; i <= kScopeQueriesMax; ++i)
    many += "system/Patient.r?_id=" + std::to_string(i) + " ";
  EXPECT_EQ(ScopeSet::parse(many).error().kind, ErrorKind::kTooLarge);
}

TEST(Scope, AMessageShowsOnlyAShortPrintableScope) {
  const std::string message = parse_scope("a\n\"\x01" + std::string(5000, 'x')).error().message;
  EXPECT_LT(message.size(), 200u);
  EXPECT_THAT(message, HasSubstr("'a???xxx"));
}

TEST(ScopeSet, IsSortedAndHoldsEachOnce) {
  EXPECT_EQ(set("  system/Patient.rs system/*.read  system/Patient.rs ").to_string(),
            "system/*.read system/Patient.rs");
  EXPECT_EQ(set("system/bulk-submit system/Patient.rs system/Patient.read").to_string(),
            "system/Patient.read system/Patient.rs system/bulk-submit");
  EXPECT_EQ(set("system/*.read"), set("system/*.read  system/*.read"));
}

TEST(ScopeSet, RefusesEmptyLongAndPartlyWrongLists) {
  EXPECT_EQ(ScopeSet::parse("").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(ScopeSet::parse("   ").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(ScopeSet::parse(std::string(8193, ' ')).error().kind, ErrorKind::kTooLarge);
  EXPECT_THAT(ScopeSet::parse("system/*.read user/*.read").error().message,
              HasSubstr("user/*.read"));
  EXPECT_FALSE(ScopeSet::parse("system/*.read\tsystem/*.write"));
  EXPECT_FALSE(ScopeSet::parse("system/*.read,system/*.write"));
}

TEST(ScopeSet, AnExportNeedsReadAndSearch) {
  struct Case {
    const char* list;
    bool patient;
    bool observation;
    bool all;
  };
  for (const Case& c :
       {Case{"system/Patient.read", true, false, false},
        Case{"system/Patient.rs", true, false, false}, Case{"system/Patient.*", true, false, false},
        Case{"system/Patient.r", false, false, false},
        Case{"system/Patient.s", false, false, false},
        Case{"system/Patient.cud", false, false, false},
        Case{"system/Patient.write", false, false, false}, Case{"system/*.read", true, true, true},
        Case{"system/*.rs", true, true, true}, Case{"system/*.r", false, false, false},
        Case{"system/*.r system/Patient.s", true, false, false},
        Case{"system/Patient.r system/Patient.s", true, false, false},
        Case{"system/*.r system/*.s", true, true, true},
        Case{"system/Patient.r system/Observation.s", false, false, false},
        Case{"system/bulk-submit", false, false, false}}) {
    const ScopeSet scopes = set(c.list);
    EXPECT_EQ(scopes.may_read(type("Patient")), c.patient) << c.list;
    EXPECT_EQ(scopes.may_read(type("Observation")), c.observation) << c.list;
    EXPECT_EQ(scopes.covers_all(), c.all) << c.list;
  }
}

TEST(ScopeSet, AWriteNeedsCreateUpdateAndDelete) {
  EXPECT_TRUE(set("system/Patient.write").may_write(type("Patient")));
  EXPECT_TRUE(set("system/*.cud").may_write(type("Patient")));
  EXPECT_TRUE(set("system/*.cu system/Patient.d").may_write(type("Patient")));
  EXPECT_FALSE(set("system/*.cu system/Patient.d").may_write(type("Observation")));
  EXPECT_FALSE(set("system/Patient.read").may_write(type("Patient")));
}

TEST(ScopeSet, ListsTheTypesThatMayBeExportedByName) {
  const auto types = set("system/Patient.rs system/Encounter.read system/Group.r").readable_types();
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(fhir::type_name(types[0]), "Encounter");
  EXPECT_EQ(fhir::type_name(types[1]), "Patient");
  EXPECT_EQ(set("system/*.read").readable_types().size(), fhir::all_resource_types().size());
  EXPECT_TRUE(ScopeSet().readable_types().empty());
}

TEST(ScopeSet, TheGrantIsWhatIsAskedAndRegistered) {
  struct Case {
    const char* asked;
    const char* registered;
    const char* granted;
  };
  for (const Case& c : {
           Case{"system/*.rs", "system/Patient.rs", "system/Patient.rs"},
           Case{"system/*.read", "system/Patient.rs", "system/Patient.read"},
           Case{"system/*.rs", "system/Patient.read", "system/Patient.rs"},
           Case{"system/Patient.rs", "system/*.rs", "system/Patient.rs"},
           Case{"system/Patient.read", "system/*.*", "system/Patient.read"},
           Case{"system/*.*", "system/*.read", "system/*.read"},
           Case{"system/*.*", "system/*.r", "system/*.r"},
           Case{"system/*.cruds", "system/*.read", "system/*.rs"},
           Case{"system/Patient.read", "system/Patient.r", "system/Patient.r"},
           Case{"system/Patient.read", "system/Patient.r system/Patient.s", "system/Patient.read"},
           Case{"system/Patient.read", "system/*.r system/Patient.s", "system/Patient.read"},
           Case{"system/*.rs", "system/*.r system/Patient.rs", "system/*.r system/Patient.rs"},
           Case{"system/*.rs", "system/*.rs system/Patient.r", "system/*.rs"},
           Case{"system/Patient.r system/Patient.s", "system/*.rs",
                "system/Patient.r system/Patient.s"},
           Case{"system/Patient.read system/Patient.rs", "system/*.read",
                "system/Patient.read system/Patient.rs"},
           Case{"system/Patient.read system/Observation.read", "system/Patient.read",
                "system/Patient.read"},
           Case{"system/Patient.read", "system/Observation.read", ""},
           Case{"system/Patient.read", "system/Patient.write", ""},
           Case{"system/bulk-submit", "system/*.*", ""},
           Case{"system/*.*", "system/bulk-submit", ""},
           Case{"system/bulk-submit system/*.rs", "system/bulk-submit", "system/bulk-submit"},
       }) {
    EXPECT_EQ(intersect(set(c.asked), set(c.registered)).to_string(), c.granted)
        << c.asked << " of " << c.registered;
  }
}

TEST(ScopeSet, AGrantNeverAllowsMoreThanEitherSide) {
  const std::vector<const char*> lists = {
      "system/*.read",    "system/Patient.rs",  "system/*.r system/Patient.s",
      "system/Patient.*", "system/*.cruds",     "system/Group.cud",
      "system/*.write",   "system/bulk-submit", "system/Patient.r system/Group.rs system/*.d"};
  for (const char* a : lists) {
    for (const char* b : lists) {
      const ScopeSet granted = intersect(set(a), set(b));
      for (const char* name : {"Patient", "Group", "Observation"}) {
        EXPECT_EQ(granted.permissions(type(name)),
                  set(a).permissions(type(name)) & set(b).permissions(type(name)))
            << a << " and " << b << " on " << name;
      }
      EXPECT_EQ(granted.may_bulk_submit(), set(a).may_bulk_submit() && set(b).may_bulk_submit());
    }
  }
}

// What is asked under no query is granted as registered and the other way round; two queries hold
// together, so that the grant is never wider than either.
TEST(ScopeSet, A06TheGrantOfQueriesIsTheirIntersection) {
  struct Case {
    const char* asked;
    const char* registered;
    const char* granted;
  };
  for (const Case& c : {
           Case{"system/Observation.rs?status=final", "system/*.rs",
                "system/Observation.rs?status=final"},
           Case{"system/Observation.rs?status=final", "system/Observation.read",
                "system/Observation.rs?status=final"},
           Case{"system/Observation.rs", "system/Observation.rs?status=final",
                "system/Observation.rs?status=final"},
           Case{"system/*.read", "system/Observation.rs?status=final",
                "system/Observation.rs?status=final"},
           Case{"system/Observation.rs?status=final", "system/Observation.cruds?status=final",
                "system/Observation.rs?status=final"},
           Case{"system/Observation.rs?category=lab", "system/Observation.rs?status=final",
                "system/Observation.rs?category=lab&status=final"},
           Case{"system/Observation.rs?category=lab&status=final",
                "system/Observation.rs?status=final",
                "system/Observation.rs?category=lab&status=final"},
           Case{"system/Observation.rs?status=final",
                "system/Observation.rs?category=lab&status=final",
                "system/Observation.rs?category=lab&status=final"},
           Case{"system/Observation.rs?status=final", "system/*.rs?_tag=a",
                "system/Observation.rs?_tag=a&status=final"},
           Case{"system/*.rs", "system/*.rs?_tag=a system/Patient.rs",
                "system/*.rs?_tag=a system/Patient.rs"},
           Case{"system/*.rs?_tag=a", "system/Patient.rs?gender=male",
                "system/Patient.rs?_tag=a&gender=male"},
           Case{"system/Patient.rs", "system/Patient.r?gender=male system/Patient.s",
                "system/Patient.r?gender=male system/Patient.s"},
           Case{"system/Patient.rs",
                "system/Patient.rs?gender=male system/Patient.rs?gender=female",
                "system/Patient.rs?gender=female system/Patient.rs?gender=male"},
           Case{"system/Patient.rs?gender=male",
                "system/Patient.rs?gender=male system/Patient.rs?gender=female",
                "system/Patient.rs?gender=male"},
           Case{"system/Observation.rs?status=final", "system/Patient.rs?gender=male", ""},
           Case{"system/Observation.rs?status=final", "system/Observation.cud?status=final", ""},
       }) {
    const ScopeSet granted = intersect(set(c.asked), set(c.registered));
    EXPECT_EQ(granted.to_string(), c.granted) << c.asked << " of " << c.registered;
    EXPECT_TRUE(set(c.asked).allows_all_of(granted)) << c.asked << " of " << c.registered;
    EXPECT_TRUE(set(c.registered).allows_all_of(granted)) << c.asked << " of " << c.registered;
    EXPECT_EQ(intersect(granted, set(c.registered)), granted);
  }
}

TEST(ScopeSet, A06ALimitHasAPartForEachLetterWithQueries) {
  using Limit = search::QueryLimit;
  const auto limit = [](const char* list) {
    return set(list).limit(type("Observation"), kExportPermissions);
  };
  EXPECT_EQ(limit("system/Observation.rs"), Limit());
  EXPECT_EQ(limit("system/Observation.rs?status=final system/*.read"), Limit());
  EXPECT_EQ(limit("system/Observation.rs?status=final"), (Limit{{"status=final"}}));
  EXPECT_EQ(limit("system/Observation.rs?status=final system/Observation.s"),
            (Limit{{"status=final"}}));
  EXPECT_EQ(limit("system/Observation.r?status=final system/Observation.s?code=a"),
            (Limit{{"status=final"}, {"code=a"}}));
  EXPECT_EQ(limit("system/Observation.rs?status=final system/*.r?_tag=x"),
            (Limit{{"_tag=x", "status=final"}, {"status=final"}}));
  // Who asks without a look at limits gets nothing by a query.
  const ScopeSet scopes = set("system/Observation.rs?status=final");
  EXPECT_TRUE(scopes.permissions(type("Observation")).none());
  EXPECT_FALSE(scopes.may_write(type("Observation")));
  EXPECT_FALSE(set("system/Observation.cud?status=final").may_write(type("Observation")));
  EXPECT_TRUE(scopes.may_read(type("Observation")));
}

TEST(ScopeSet, A07CoversWhatIsTheSameOrNarrower) {
  const auto covers = [](const char* wide, const char* narrow) {
    return set(wide).allows_all_of(set(narrow));
  };
  EXPECT_TRUE(covers("system/*.rs", "system/Patient.rs?gender=male"));
  EXPECT_TRUE(covers("system/Patient.rs?gender=male", "system/Patient.rs?gender=male"));
  EXPECT_TRUE(covers("system/Patient.rs?gender=male", "system/Patient.rs?_id=a&gender=male"));
  EXPECT_FALSE(covers("system/Patient.rs?_id=a&gender=male", "system/Patient.rs?gender=male"));
  EXPECT_FALSE(covers("system/Patient.rs?gender=male", "system/Patient.rs"));
  EXPECT_FALSE(covers("system/Patient.rs?gender=male", "system/Patient.rs?gender=female"));
  EXPECT_FALSE(covers("system/Patient.rs?gender=male", "system/*.rs?_tag=a"));
  EXPECT_FALSE(covers("system/Patient.r?gender=male", "system/Patient.rs?gender=male"));
}

}  // namespace
}  // namespace sluice::smart

// Values with edge cases, which the random resources have and the random queries ask for.
#pragma once

#include <string>
#include <vector>

namespace sluice::oracle {

inline const std::vector<std::string> kDates = {
    "2012",
    "2012-02",
    "2012-02-29",
    "2013-01-14",
    "2011-12-31",
    "2012-02-29T23:59:59Z",
    "2012-03-01T00:00:00+05:30",
    "2012-02-29T18:30:00Z",
    "2012-06-30T23:59:60Z",
    "2012-07-01T00:00:00Z",
    "2012-02-29T23:59:59.999Z",
    "2012-02-29T18:59:59.5-05:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01",
    "0001-01-01",
    "9999-12-31",
};
inline const std::vector<std::string> kNumbers = {
    "100", "100.00", "99.5", "99.49", "100.5", "100.4999", "0",   "-1",
    "0.1", "1.10",   "5.4",  "5.40",  "1000",  "-0.5",     "5e2", "7"};
inline const std::vector<std::string> kCodes = {"final",       "a,b",    "a|b",   "x$y",
                                                "back\\slash", "active", "4548-4"};
inline const std::vector<std::string> kSystems = {"http://loinc.org", "urn:oid:1.2.3",
                                                  "http://x.example/a,b"};

}  // namespace sluice::oracle

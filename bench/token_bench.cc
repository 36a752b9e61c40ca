// What a token costs: its check on a request, its issue, the check of an assertion without its
// signature's making. Prints one JSON line.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/instant.h"
#include "base/log.h"
#include "jose/json_web_signature.h"
#include "smart/access_token.h"
#include "smart/assertion.h"
#include "store/rocksdb/rocksdb_store.h"

namespace sluice::bench {
namespace {

// The median of `rounds` runs, in microseconds each.
template <class Work>
double median_us(int rounds, const Work& work) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work(i);
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds) / 2];
}

int run() {
  set_up_logging("warn");
  const auto folder = std::filesystem::temp_directory_path() / ("sluice-token-" + random_hex(8));
  const SystemClock clock;
  {
    const auto store = store::open_rocksdb_store(folder, clock).value();
    const auto clients = smart::ClientRegistry::open(*store, clock).value();
    const auto key = jose::PrivateJwk::generate(jose::Algorithm::kEs384).value();
    smart::Client wanted;
    wanted.id = "bench";
    wanted.jwks.emplace();
    wanted.jwks->add(key.public_part());
    wanted.scopes = smart::ScopeSet::parse("system/*.rs").value();
    const auto client = clients->add(wanted).value();
    const auto used = smart::ExpiringIds::open(*store, clock, {.prefix = "jti/"}).value();
    smart::RegisteredKeys keys;
    smart::AssertionOptions options;
    options.audiences = {"https://bench/token"};
    const smart::AssertionVerifier verifier(*clients, keys, *used, clock, options);
    const auto tokens =
        smart::AccessTokens::open(*store, *clients, clock, {.issuer = "https://bench"}).value();

    constexpr int kRounds = 200;
    std::vector<std::string> assertions;
    const std::int64_t now = clock.now().milliseconds / 1000;
    for (int i = 0; i < kRounds; ++i)
      assertions.push_back(jose::Jws::sign({{"iss", "bench"},
                                            {"sub", "bench"},
                                            {"aud", "https://bench/token"},
                                            {"exp", now + 200},
                                            {"jti", random_hex(16)}},
                                           key)
                               .value());
    std::string token;
    const double issue = median_us(
        kRounds, [&](int) { token = tokens->issue(*client, client->scopes)->access_token; });
    const double assertion = median_us(
        kRounds, [&](int i) { verifier.verify(assertions[static_cast<std::size_t>(i)]).value(); });
    const double check = median_us(20'000, [&](int) { tokens->check(token).value(); });
    fmt::print("{{\"check_us\":{:.2f},\"issue_ms\":{:.3f},\"assertion_ms\":{:.3f}}}\n", check,
               issue / 1000, assertion / 1000);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main() {
  try {
    return sluice::bench::run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "token_bench: %s\n", e.what());
    return 1;
  }
}

// What the server refuses: malformed, ambiguous, too large, too slow, too many.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "base/bytes.h"
#include "raw_client.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;

struct Malformed {
  const char* name;
  std::string bytes;
  int status;
};

void PrintTo(const Malformed& c, std::ostream* out) {
  *out << c.name;
}

class MalformedTest : public ServerTest, public testing::WithParamInterface<Malformed> {};

TEST_P(MalformedTest, IsRefusedAndTheConnectionClosed) {
  start();
  RawClient client(port());
  // What follows a refused request must never be answered: it may be a smuggled body.
  const Answer answer =
      client.ask(GetParam().bytes + "GET /hello HTTP/1.1\r\nHost: smuggled\r\n\r\n");
  EXPECT_EQ(answer.status, GetParam().status) << answer.body;
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.sees_close());
  const auto all = records(1);
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].route, "refused");
}

std::string post(const std::string& fields) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string bytes_of(std::string_view hexadecimal) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
    bytes.push_back(
        static_cast<char>(hex_digit(hexadecimal[i]) * 16 + hex_digit(hexadecimal[i + 1])));
  return bytes;
}

// As Python's gzip module writes "hello", and "x" 2,000 times.
const std::string kGzipHello = bytes_of("1f8b0800000000000203cb48cdc9c9070086a6103605000000");
const std::string kGzipTwoThousand =
    bytes_of("1f8b0800000000000203aba81805a360148c8251300a46c15007007a650829d0070000");

std::string get(const std::string& line, const std::string& fields = "Host: a\r\n") {
  return line + "\r\n" + fields + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, MalformedTest,
    testing::Values(
        Malformed{"LengthAndChunked",
                  post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
        Malformed{"ChunkedAndLength",
                  post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n", 400},
        Malformed{"TwoLengths", post("Content-Length: 3\r\nContent-Length: 4\r\n") + "abc", 400},
        Malformed{"LengthTwice", post("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", 400},
        Malformed{"LengthList", post("Content-Length: 3, 3\r\n") + "abc", 400},
        Malformed{"SignedLength", post("Content-Length: +3\r\n") + "abc", 400},
        Malformed{"NegativeLength", post("Content-Length: -3\r\n") + "abc", 400},
        Malformed{"HexLength", post("Content-Length: 0x3\r\n") + "abc", 400},
        Malformed{"EmptyLength", post("Content-Length:\r\n") + "abc", 400},
        Malformed{"HugeLength", post("Content-Length: 99999999999999999999999\r\n"), 400},
        Malformed{"SpaceBeforeColon", post("Content-Length : 3\r\n") + "abc", 400},
        Malformed{"FoldedField", post("X-A: b\r\n c\r\n"), 400},
        Malformed{"FoldedFirstField", get("GET /hello HTTP/1.1", " Host: a\r\n"), 400},
        Malformed{"UnknownCoding", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Malformed{"ChunkedNotLast", post("Transfer-Encoding: chunked, gzip\r\n"), 400},
        Malformed{"ObscuredChunked", post("Transfer-Encoding: xchunked\r\n"), 400},
        Malformed{"IdentityCoding", post("Transfer-Encoding: identity\r\n"), 400},
        Malformed{"EmptyCoding", post("Transfer-Encoding:\r\n"), 400},
        Malformed{"CodingTwice",
                  post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        Malformed{"ChunkedInHttp10",
                  "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Malformed{"BadChunkSize", post("Transfer-Encoding: chunked\r\n") + "x\r\nabc\r\n", 400},
        Malformed{"ChunkTooLong", post("Transfer-Encoding: chunked\r\n") + "3\r\nabcd\r\n0\r\n\r\n",
                  400},
        Malformed{"ChunkSizeOverflow",
                  post("Transfer-Encoding: chunked\r\n") + "10000000000000000\r\n", 400},
        Malformed{"BareLineFeedInChunk", post("Transfer-Encoding: chunked\r\n") + "3\nabc\r\n",
                  400}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, MalformedTest,
    testing::Values(
        Malformed{"NoHost", "GET /hello HTTP/1.1\r\n\r\n", 400},
        Malformed{"TwoHosts", get("GET /hello HTTP/1.1", "Host: a\r\nHost: a\r\n"), 400},
        Malformed{"BadHost", get("GET /hello HTTP/1.1", "Host: a/b\r\n"), 400},
        Malformed{"BareLineFeed", "GET /hello HTTP/1.1\nHost: a\n\n", 400},
        Malformed{"BareCarriageReturn", "GET /hello HTTP/1.1\r\nA: b\rc\r\nHost: a\r\n\r\n", 400},
        Malformed{"NulInField", std::string("GET /hello HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 38),
                  400},
        Malformed{"FieldWithoutColon", get("GET /hello HTTP/1.1", "Host: a\r\nnonsense\r\n"), 400},
        Malformed{"EmptyFieldName", get("GET /hello HTTP/1.1", "Host: a\r\n: b\r\n"), 400},
        Malformed{"UnknownMethod", get("BREW /hello HTTP/1.1"), 501},
        Malformed{"LowerCaseMethod", get("get /hello HTTP/1.1"), 501},
        Malformed{"Connect", get("CONNECT a:80 HTTP/1.1"), 501},
        Malformed{"Version2", get("GET /hello HTTP/2.0"), 505},
        Malformed{"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Malformed{"Version09", "GET /hello\r\n\r\n", 400},
        Malformed{"Version12", get("GET /hello HTTP/1.2"), 505},
        Malformed{"SpacesInTarget", get("GET /a b HTTP/1.1"), 400},
        Malformed{"TwoEmptyLines", "\r\n\r\n" + get("GET /hello HTTP/1.1"), 400},
        Malformed{"TargetWithoutSlash", get("GET hello HTTP/1.1"), 400},
        Malformed{"StarForGet", get("GET * HTTP/1.1"), 400},
        Malformed{"Climbing", get("GET /a/../hello HTTP/1.1"), 400},
        Malformed{"EncodedClimbing", get("GET /a/%2e%2E/hello HTTP/1.1"), 400},
        Malformed{"BadEscape", get("GET /%zz HTTP/1.1"), 400},
        Malformed{"EncodedNul", get("GET /a%00 HTTP/1.1"), 400},
        Malformed{"BadEscapeInQuery", get("GET /hello?a=% HTTP/1.1"), 400},
        Malformed{"Fragment", get("GET /hello#x HTTP/1.1"), 400},
        Malformed{"TlsHandshake", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), 400}));

TEST_F(ServerTest, RefusesAHeadThatIsTooLarge) {
  ServerOptions options;
  options.header_size_max = 1000;
  start(options);
  RawClient fields(port());
  EXPECT_EQ(fields.ask("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x')).status,
            431);
  EXPECT_TRUE(fields.sees_close());
  RawClient target(port());
  EXPECT_EQ(target.ask("GET /" + std::string(2000, 'x')).status, 414);
  RawClient just_right(port());
  std::string head = "GET /hello HTTP/1.1\r\nHost: a\r\nX: ";
  head += std::string(1000 - head.size() - 4, 'x') + "\r\n\r\n";
  EXPECT_EQ(just_right.ask(head).status, 200);
}

TEST_F(ServerTest, RefusesABodyThatIsTooLarge) {
  ServerOptions options;
  options.body_size_max = 1000;
  start(options);
  RawClient announced(port());
  EXPECT_EQ(announced.ask(post("Content-Length: 1001\r\n") + std::string(1001, 'x')).status, 413);
  EXPECT_TRUE(announced.sees_close());
  RawClient chunked(port());
  chunked.send(post("Transfer-Encoding: chunked\r\n") + "3e8\r\n" + std::string(1000, 'x'));
  EXPECT_EQ(chunked.ask("\r\n1\r\nx\r\n0\r\n\r\n").status, 413);
  RawClient just_right(port());
  EXPECT_EQ(just_right.ask(post("Content-Length: 1000\r\n") + std::string(1000, 'x')).status, 200);
}

TEST_F(ServerTest, LetsAClientReadTheRefusalOfALargeUpload) {
  ServerOptions options;
  options.body_size_max = 1000;
  start(options);
  RawClient client(port());
  client.send(post("Content-Length: 3000000\r\n"));
  const std::string part(100'000, 'x');
  for (int i = 0; i < 30; ++i)
    if (!client.send(part)) break;
  EXPECT_EQ(client.read().status, 413);
}

TEST_F(ServerTest, BoundsTheMemoryOfAllBodiesTogether) {
  ServerOptions options;
  options.bodies_size_max = 1'000'000;
  start(options);
  std::unique_ptr<RawClient> holder;
  Answer answer;
  // Nothing says how much of a body was read, but that there is no room for others. Whoever asks
  // too early may have the room, and the holder is refused: then the next one gets longer.
  for (int round = 0; round < 100 && answer.status != 503; ++round) {
    holder = std::make_unique<RawClient>(port());
    holder->send(post("Content-Length: 900000\r\n") + std::string(800'000, 'x'));
    std::this_thread::sleep_for(std::chrono::milliseconds(10 * round));
    RawClient refused(port());
    answer = refused.ask(post("Content-Length: 300000\r\n") + std::string(300'000, 'x'));
  }
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  holder->send(std::string(100'000, 'x'));
  EXPECT_EQ(holder->read().status, 200);
  RawClient client(port());
  EXPECT_EQ(client.ask(post("Content-Length: 300000\r\n") + std::string(300'000, 'x')).status, 200);
}

std::string gzip_post(const std::string& body, const std::string& coding = "gzip") {
  return post("Content-Encoding: " + coding + "\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n") +
         body;
}

TEST_F(ServerTest, DecodesGzipBodiesWithinTheLimits) {
  ServerOptions options;
  options.body_size_max = 1000;
  start(options);
  RawClient client(port());
  EXPECT_EQ(client.ask(gzip_post(kGzipHello)).body, "POST 5 hello");
  EXPECT_EQ(client.ask(gzip_post(kGzipHello + kGzipHello, "x-gzip")).body, "POST 10 hellohello");
  EXPECT_EQ(client.ask(gzip_post("hello", "identity")).body, "POST 5 hello");
  EXPECT_EQ(client.ask(gzip_post(kGzipTwoThousand)).status, 413);
  EXPECT_EQ(client.ask(gzip_post("hello")).status, 400);
  EXPECT_EQ(client.ask(gzip_post(kGzipHello.substr(0, 20))).status, 400);
  EXPECT_EQ(client.ask(gzip_post(kGzipHello)).body, "POST 5 hello");
}

TEST_F(ServerTest, TellsWhichCodingItTakes) {
  start();
  for (const char* coding : {"br", "deflate", "gzip, gzip", "zstd"}) {
    RawClient client(port());
    const Answer answer = client.ask(gzip_post(kGzipHello, coding));
    EXPECT_EQ(answer.status, 415) << coding;
    EXPECT_EQ(answer.header("Accept-Encoding"), "gzip");
    EXPECT_TRUE(client.sees_close());
  }
}

TEST_F(ServerTest, RefusesAnEndlessChunkExtension) {
  start();
  RawClient client(port());
  client.send(post("Transfer-Encoding: chunked\r\n") + "3;x=" + std::string(40'000, 'x'));
  EXPECT_EQ(client.read().status, 400);
}

TEST_F(ServerTest, CutsAHeadThatTricklesIn) {
  ServerOptions options;
  options.header_timeout = 300ms;
  start(options);
  RawClient client(port());
  const auto begun = std::chrono::steady_clock::now();
  client.send("GET /hello HTTP/1.1\r\nHost: a\r\n");
  // For as long as it takes: the time is that of the whole head, not of a line.
  std::atomic<bool> over{false};
  std::thread trickle([&] {
    while (!over && client.send("X: y\r\n")) std::this_thread::sleep_for(20ms);
  });
  const Answer answer = client.read();
  over = true;
  const auto took = std::chrono::steady_clock::now() - begun;
  trickle.join();
  EXPECT_EQ(answer.status, 408);
  EXPECT_GE(took, 250ms);
}

TEST_F(ServerTest, CutsABodyThatStandsStill) {
  ServerOptions options;
  options.body_timeout = 200ms;
  start(options);
  RawClient client(port());
  EXPECT_EQ(client.ask(post("Content-Length: 10\r\n") + "abc").status, 408);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(ServerTest, CutsABodyThatTricklesBelowTheMinimumRate) {
  ServerOptions options;
  options.body_timeout = 300ms;
  start(options);
  RawClient client(port());
  client.send(post("Content-Length: 100000\r\n"));
  std::atomic<bool> over{false};
  std::thread trickle([&] {
    while (!over && client.send("x")) std::this_thread::sleep_for(20ms);
  });
  EXPECT_EQ(client.read().status, 408);
  over = true;
  trickle.join();
}

TEST_F(ServerTest, ClosesIdleConnectionsSilently) {
  ServerOptions options;
  options.idle_timeout = 1s;  // until then `used` must have asked
  start(options);
  RawClient fresh(port());
  RawClient used(port());
  used.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(used.sees_close());
  EXPECT_TRUE(fresh.sees_close());
  EXPECT_EQ(records(1).size(), 1u);
}

TEST_F(ServerTest, RefusesConnectionsAboveTheLimit) {
  ServerOptions options;
  options.connections_max = 2;
  start(options);
  RawClient first(port());
  RawClient second(port());
  EXPECT_TRUE(wait_for_connections(2));
  RawClient third(port());
  const Answer answer = third.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_TRUE(third.sees_close());
  EXPECT_EQ(first.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  second.close();
  EXPECT_TRUE(wait_for_connections(1));
  RawClient fourth(port());
  EXPECT_EQ(fourth.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

TEST_F(ServerTest, AnswersImmediateRoutesWhileAllThreadsAreBusy) {
  start({}, 1, 1);
  RawClient busy(port());
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_slow(1);
  RawClient queued(port());
  queued.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  RawClient client(port());
  EXPECT_EQ(client.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").body, "well");
  EXPECT_TRUE(client.sees_close());
  RawClient head(port());
  EXPECT_EQ(head.ask("HEAD /health?verbose HTTP/1.1\r\nHost: a\r\n\r\n", true).status, 200);
  // Also as a later request, and when it comes in pieces.
  release();
  EXPECT_EQ(busy.read().body, "slow");
  EXPECT_EQ(queued.read().body, "hello");
  RawClient slow(port());
  slow.send("GET /nothing HTTP/1.1\r\nHo");
  slow.send("st: a\r\n\r\n");
  EXPECT_EQ(slow.read().status, 404);
  slow.send("GET /hea");
  slow.send("lth HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(slow.read().body, "well");
  EXPECT_EQ(slow.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").body, "hello");
}

TEST_F(ServerTest, AnswersImmediateRoutesAboveTheLimitOfConnections) {
  ServerOptions options;
  options.connections_max = 1;
  start(options);
  RawClient holder(port());
  EXPECT_TRUE(wait_for_connections(1));
  // More than may wait to be refused, and none of them says what it wants.
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<RawClient>(port()));
  for (int i = 0; i < 10; ++i) {
    RawClient client(port());
    EXPECT_EQ(client.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").body, "well");
  }
  RawClient other(port());
  EXPECT_EQ(other.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 503);
  EXPECT_EQ(holder.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

TEST_F(ServerTest, RefusesConnectionsOfOneAddressAboveItsLimit) {
  ServerOptions options;
  options.connections_of_address_max = 2;
  start(options);
  RawClient first(port());
  RawClient second(port());
  EXPECT_TRUE(wait_for_connections(2));
  RawClient third(port());
  const Answer answer = third.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  RawClient health(port());
  EXPECT_EQ(health.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").body, "well");
  second.close();
  EXPECT_TRUE(wait_for_connections(1));
  RawClient fourth(port());
  EXPECT_EQ(fourth.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

TEST_F(ServerTest, TakesNoLargeBodyWithAnImmediateRoute) {
  start();
  RawClient client(port());
  EXPECT_EQ(client.ask("GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n").status,
            413);
}

TEST_F(ServerTest, HoldsManySlowConnections) {
  start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 400; ++i) {
    slow.push_back(std::make_unique<RawClient>(port()));
    slow.back()->send("GET /hello HTTP/1.1\r\nHo");
  }
  EXPECT_TRUE(wait_for_connections(400));
  RawClient quick(port());
  EXPECT_EQ(quick.ask("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  for (auto& client : slow) client->send("st: a\r\n\r\n");
  for (auto& client : slow) EXPECT_EQ(client->read().status, 200);
}

}  // namespace
}  // namespace sluice::http

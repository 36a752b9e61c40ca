// What is left after a full disk, a broken one, a power loss, and in a folder that is foreign or
// already open elsewhere.
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "faulty_disk.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/open_with_env.h"
#include "store_fixture.h"

namespace sluice::store {
namespace {

using Lines = std::vector<std::string>;

class StoreFault : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    store_.reset();
    RocksdbStoreOptions options;
    options.write_buffer_size = 256 << 10;
    options.resume_patience = std::chrono::milliseconds(1500);
    store_ = open_rocksdb_store_with_env(folder_.path(), clock_, options, disk_.env()).value();
  }
  Result<WriteOutcome> put(std::string id, std::string_view text, bool durable = true) {
    Batch batch;
    batch.put(make_resource("Patient", id, text, {id}));
    if (!durable) batch.not_durable();
    return store_->write(batch.transaction());
  }
  /// A write once the disk works again. Now and then the store has to be opened again for that, and
  /// says so (resume.h).
  Result<WriteOutcome> put_after_fault(const std::string& id, std::string_view text) {
    auto outcome = put(id, text);
    if (outcome || outcome.error().message.find("until it is opened again") == std::string::npos)
      return outcome;
    open();
    return put(id, text);
  }
  Lines patients() {
    return scan_to_text(*store_, whole_type(type_of("Patient")), store_->last_commit().sequence);
  }
  void expect_storage_error(const Result<WriteOutcome>& outcome) {
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, ErrorKind::kStorage);
    EXPECT_NE(outcome.error().detail.find("injected"), std::string::npos) << outcome.error().detail;
  }

  FaultyDisk disk_;
  TemporaryFolder folder_;
  TestClock clock_;
  std::unique_ptr<Store> store_;
};

// RocksDB's own log goes to the disk as well: a line of it that fails must not end the process.
TEST_F(StoreFault, OpeningOnAFullDiskIsAnErrorAndLosesNothing) {
  ASSERT_TRUE(put("p1", "x"));
  const auto before = patients();
  store_.reset();
  for (int i = 0; i < 3; ++i) {
    disk_.set_fault(FaultyDisk::Fault::kFull);
    RocksdbStoreOptions options;
    const auto opened = open_rocksdb_store_with_env(folder_.path(), clock_, options, disk_.env());
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().kind, ErrorKind::kStorage) << opened.error().detail;
    disk_.set_fault(FaultyDisk::Fault::kNone);
  }
  open();
  EXPECT_EQ(patients(), before);
}

TEST_F(StoreFault, AFullDiskRefusesWritesAndLosesNothing) {
  for (const auto fault : {FaultyDisk::Fault::kFull, FaultyDisk::Fault::kBroken}) {
    const auto id = fmt::format("p{}", static_cast<int>(fault));
    ASSERT_TRUE(put(id, "x"));
    const auto before = patients();
    const auto commit = store_->last_commit();
    const auto statistics = store_->statistics().value();
    disk_.set_fault(fault);
    for (int i = 0; i < 3; ++i) expect_storage_error(put(id, "y"));
    EXPECT_EQ(patients(), before);
    EXPECT_EQ(store_->last_commit().sequence, commit.sequence);
    EXPECT_EQ(store_->statistics().value()[0].bytes, statistics[0].bytes);
    EXPECT_EQ(store_->change_count({0}, {99}).value(), commit.sequence.value);
    disk_.set_fault(FaultyDisk::Fault::kNone);
    const auto again = put_after_fault(id, "z");
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->commit.sequence.value, commit.sequence.value + 1);
    EXPECT_EQ(again->puts[0].version, 2u);
    const auto after = patients();
    open();
    EXPECT_EQ(patients(), after);
    EXPECT_EQ(store_->last_commit().sequence.value, commit.sequence.value + 1);
  }
}

TEST_F(StoreFault, GoesOnWhenTheVeryFirstWriteAfterOpeningFails) {
  // Nothing is in memory then, so that RocksDB by itself would write on in the spoilt log.
  ASSERT_TRUE(put("a", "x"));
  for (int round = 0; round < 3; ++round) {
    open();
    disk_.set_fault(FaultyDisk::Fault::kFull);
    for (int i = 0; i < 2; ++i) expect_storage_error(put("a", "y"));
    disk_.set_fault(FaultyDisk::Fault::kNone);
    const auto first = put_after_fault("a", std::to_string(round));
    ASSERT_TRUE(first) << first.error().message << ": " << first.error().detail;
    // And again, now that memory has just been emptied.
    disk_.set_fault(FaultyDisk::Fault::kFull);
    for (int i = 0; i < 2; ++i) expect_storage_error(put("a", "y"));
    disk_.set_fault(FaultyDisk::Fault::kNone);
    const auto second = put_after_fault("a", std::to_string(round));
    ASSERT_TRUE(second) << second.error().message << ": " << second.error().detail;
  }
}

// I-04: a failed write leaves half a record at the end of a log, and the disk breaks again while
// the store goes on with another: whatever came to the new files, the old log is still needed.
TEST_F(StoreFault, OpensWhateverAResumeThatFailedLeftBehind) {
  ASSERT_TRUE(put("a", "x"));
  for (int appends = 0; appends < 24; ++appends) {
    ASSERT_TRUE(put("a", std::to_string(appends)));
    disk_.set_fault(FaultyDisk::Fault::kFull);
    expect_storage_error(put("a", std::string(100'000, 'y')));
    disk_.set_fault(FaultyDisk::Fault::kNone);
    disk_.set_fault_after(FaultyDisk::Fault::kFull, appends);
    const auto resumed = put("b", std::to_string(appends));
    disk_.set_fault(FaultyDisk::Fault::kNone);
    const auto before = patients();
    open();
    if (resumed) {
      EXPECT_EQ(patients(), before) << appends;
    }
    const auto found = store_->read(id_of("Patient", "a"), store_->last_commit().sequence).value();
    ASSERT_TRUE(found) << appends;
    EXPECT_NE(found->json.find('"' + std::to_string(appends) + '"'), std::string::npos) << appends;
  }
}

TEST_F(StoreFault, RefusesWritesBeforeTheDiskIsFull) {
  RocksdbStoreOptions options;
  options.reserve = std::uint64_t{1} << 60;
  store_.reset();
  store_ = open_rocksdb_store(folder_.path(), clock_, options).value();
  const auto refused = put("a", "x");
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().kind, ErrorKind::kStorage);
  EXPECT_EQ(refused.error().message, "the disk is full");
  EXPECT_EQ(store_->last_commit().sequence.value, 0u);
}

TEST_F(StoreFault, GoesOnAfterTheDiskWasFullInTheBackground) {
  // Enough to flush and compact while the disk fills up at some point.
  const std::uint64_t seed = test_seed();
  std::mt19937_64 random(seed);
  std::map<std::string, std::string> expected;
  for (int round = 0; round < 12; ++round) {
    const auto fault = round % 2 == 0 ? FaultyDisk::Fault::kFull : FaultyDisk::Fault::kBroken;
    disk_.set_fault_after(fault, static_cast<int>(random() % 200));
    int failures = 0;
    for (int i = 0; i < 60; ++i) {
      const auto id = "p" + std::to_string(random() % 200);
      const auto text = std::to_string(random()) + std::string(10'000, 'x');
      const auto outcome = put(id, text, i % 4 == 0);
      if (outcome)
        expected[id] = text;
      else
        ++failures;
    }
    disk_.set_fault(FaultyDisk::Fault::kNone);
    // What was refused while the disk was full is in the store or not, but whole: read it back.
    const auto last = put_after_fault("last", std::to_string(round));
    ASSERT_TRUE(last) << round;
    expected["last"] = std::to_string(round);
    for (const auto& [id, text] : expected) {
      const auto record =
          store_->read(id_of("Patient", id), store_->last_commit().sequence).value();
      ASSERT_TRUE(record) << id;
      if (record->json.find(text) == std::string::npos) {
        EXPECT_GT(failures, 0) << id;
      }
    }
    if (round % 4 == 3) open();
  }
}

TEST_F(StoreFault, ATransactionIsNotAcknowledgedWhenItsSyncFails) {
  ASSERT_TRUE(put("a", "x"));
  disk_.set_fault(FaultyDisk::Fault::kSyncFails);
  expect_storage_error(put("b", "x"));
  disk_.set_fault(FaultyDisk::Fault::kNone);
  ASSERT_TRUE(put_after_fault("c", "x"));
  const auto now = patients();
  TemporaryFolder copy;
  disk_.copy_after_power_loss(folder_.path() / "store", copy.path() / "store");
  store_ = open_rocksdb_store(copy.path(), clock_).value();
  EXPECT_EQ(patients(), now);
}

TEST_F(StoreFault, APowerLossKeepsWhatWasAcknowledgedAndNoHalfTransactions) {
  const std::uint64_t seed = test_seed();
  std::mt19937_64 random(seed);
  // By sequence: "id@version" of all.
  std::vector<Lines> states{{}};
  std::map<std::string, int> versions;
  std::uint64_t acknowledged = 0;
  for (int i = 0; i < 400; ++i) {
    Batch batch;
    std::map<std::string, int> puts;
    for (int n = static_cast<int>(random() % 5); n >= 0; --n) {
      const auto id = "p" + std::to_string(random() % 50);
      if (!puts.emplace(id, 0).second) continue;
      batch.put(make_resource("Patient", id,
                              std::to_string(random()) + std::string(random() % 9000, 'x'), {id}));
      ++versions[id];
    }
    const bool durable = random() % 3 == 0;
    if (!durable) batch.not_durable();
    const auto outcome = store_->write(batch.transaction()).value();
    if (durable) acknowledged = outcome.commit.sequence.value;
    Lines state;
    for (const auto& [id, version] : versions)
      state.push_back(fmt::format("{}/{}@{}", id, id, version));
    states.push_back(std::move(state));
    if (random() % 20 != 0) continue;

    TemporaryFolder copy;
    disk_.copy_after_power_loss(folder_.path() / "store", copy.path() / "store");
    const auto left = open_rocksdb_store(copy.path(), clock_);
    // Background work may have changed files while they were copied; that is no power loss.
    if (!left) continue;
    const auto last = (*left)->last_commit().sequence;
    EXPECT_GE(last.value, acknowledged);
    for (std::uint64_t as_of = last.value > 5 ? last.value - 5 : 0; as_of <= last.value; ++as_of)
      EXPECT_EQ(scan_to_text(**left, whole_type(type_of("Patient")), {as_of}), states[as_of]);
    // Before the first durable transaction nothing may be left, not even a type.
    const auto statistics = (*left)->statistics().value();
    EXPECT_EQ(statistics.empty() ? 0u : statistics[0].resources, states[last.value].size());
  }
}

// RocksDB alone would open such a store without a word, as of the damage.
TEST_F(StoreFault, DamageInTheMiddleOfTheLogRefusesTheStartAndSaysWhatToDo) {
  for (int i = 1; i <= 20; ++i) ASSERT_TRUE(put("a", fmt::format("text {}", i)));
  TemporaryFolder copy;
  disk_.copy_after_power_loss(folder_.path() / "store", copy.path() / "store");
  std::filesystem::path log;
  for (const auto& entry : std::filesystem::directory_iterator(copy.path() / "store"))
    if (entry.path().extension() == ".log" && entry.file_size() > 0) log = entry.path();
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(std::filesystem::file_size(log), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::size_t damaged = bytes.find("text 11");
  ASSERT_NE(damaged, std::string::npos);
  file.seekp(static_cast<std::streamoff>(damaged));
  file.put('T');
  file.close();
  const auto refused = open_rocksdb_store(copy.path(), clock_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kCorrupt);
  const std::string& message = refused.error().message;
  EXPECT_NE(message.find("transactions after 10 would be lost"), std::string::npos) << message;
  const std::size_t advice = message.find("truncate -s ");
  ASSERT_NE(advice, std::string::npos) << message;
  EXPECT_NE(message.find(log.string(), advice), std::string::npos) << message;
  EXPECT_FALSE(open_rocksdb_store(copy.path(), clock_)) << "a second start is no better";
  // Who does what it says has what was before the damage.
  std::filesystem::resize_file(log, std::stoull(message.substr(advice + 12)));
  const auto opened = open_rocksdb_store(copy.path(), clock_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->last_commit().sequence.value, 10u);
}

TEST_F(StoreFault, ALogThatACrashCutOffOpensWithWhatIsWhole) {
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(put("a", std::string(1000, 'x') + fmt::format("{}", i)));
  for (const std::size_t cut : {1, 500, 1200, 3000}) {
    TemporaryFolder copy;
    disk_.copy_after_power_loss(folder_.path() / "store", copy.path() / "store");
    std::uint64_t expected = 0;
    for (const auto& entry : std::filesystem::directory_iterator(copy.path() / "store")) {
      if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
      std::filesystem::resize_file(entry.path(), entry.file_size() - cut);
      const auto check = check_logs(copy.path() / "store", *rocksdb::Env::Default()).value();
      ASSERT_EQ(check.torn.size(), 1u);
      expected = check.last_transaction;
    }
    EXPECT_LT(expected, 5u);
    const auto opened = open_rocksdb_store(copy.path(), clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->last_commit().sequence.value, expected);
  }
}

TEST_F(StoreFault, SaysThatAnotherProcessHasItOpen) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto second = open_rocksdb_store(folder_.path(), clock_);
    _exit(second.has_error() && second.error().kind == ErrorKind::kConflict &&
                  second.error().message.find(folder_.path().string()) != std::string::npos
              ? 0
              : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(StoreFault, SaysThatThereIsNoStore) {
  TemporaryFolder empty;
  RocksdbStoreOptions options;
  options.create_if_missing = false;
  const auto store = open_rocksdb_store(empty.path(), clock_, options);
  ASSERT_TRUE(store.has_error());
  EXPECT_EQ(store.error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(empty.path()));
}

TEST_F(StoreFault, RefusesAnotherFormatVersion) {
  store_.reset();
  const auto path = (folder_.path() / "store").string();
  const auto expect_refused = [&](std::string_view version) {
    const auto store = open_rocksdb_store(folder_.path(), clock_);
    ASSERT_TRUE(store.has_error());
    EXPECT_EQ(store.error().kind, ErrorKind::kUnsupported);
    EXPECT_EQ(store.error().message,
              fmt::format("the store has format version {}; this program knows versions 1 to 6",
                          version));
  };
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const auto with_database = [&](const auto& change) {
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::DBOptions(), path, families, &handles, &db).ok());
    change(*db);
    for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    delete db;
  };
  with_database([](rocksdb::DB& db) {
    ASSERT_TRUE(db.Put({}, "format", std::string("\x07\0\0\0\0\0\0\0", 8)).ok());
  });
  expect_refused("7");
  with_database([&](rocksdb::DB& db) {
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    ASSERT_TRUE(db.CreateColumnFamily({}, "of-the-future", &handle).ok());
    handles.push_back(handle);
  });
  expect_refused("7");
}

TEST_F(StoreFault, ReportsBrokenFilesAsCorrupt) {
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(put("p" + std::to_string(i), std::to_string(i) + std::string(5000, 'x'), false));
  store_->compact().value();
  store_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "store")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.write("broken", 6);
  }
  const auto reopened = open_rocksdb_store(folder_.path(), clock_);
  if (!reopened) {
    EXPECT_EQ(reopened.error().kind, ErrorKind::kCorrupt) << reopened.error().detail;
    return;
  }
  const auto scan = (*reopened)->scan(whole_type(type_of("Patient")), {999}).value();
  RecordView record;
  Result<bool> more = true;
  while ((more = scan->next(record)) && *more) {
  }
  ASSERT_TRUE(more.has_error());
  EXPECT_EQ(more.error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::store

// A closed store's database as RocksDB sees it: for tests of the bytes on disk, and to make one
// what an earlier version left.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {

/// Opens the database below a store's folder and calls `use(db, family)` with each column family.
template <class Use>
void with_database(const std::filesystem::path& folder, Use use) {
  const auto path = (folder / "store").string();
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, path, families, &handles, &db).ok());
  for (auto* handle : handles) use(*db, *handle);
  for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
}

/// Everything in one column family as "key value", both in hexadecimal.
inline std::vector<std::string> dump(const std::filesystem::path& folder, std::string_view name) {
  std::vector<std::string> found;
  with_database(folder, [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    if (family.GetName() != name) return;
    const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}, &family));
    for (it->SeekToFirst(); it->Valid(); it->Next())
      found.push_back(to_hex(it->key().ToString()) + " " + to_hex(it->value().ToString()));
  });
  return found;
}

/// Says that an earlier version of the format wrote the store.
inline void set_format(const std::filesystem::path& folder, std::uint64_t version) {
  with_database(folder, [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    if (family.GetName() == "default") {
      ASSERT_TRUE(db.Put({}, &family, "format", encode_number(version)).ok());
    }
  });
}

/// Takes a column family away.
inline void drop_family(const std::filesystem::path& folder, std::string_view name) {
  with_database(folder, [&](rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family) {
    if (family.GetName() == name) {
      ASSERT_TRUE(db.DropColumnFamily(&family).ok());
    }
  });
}

}  // namespace sluice::store

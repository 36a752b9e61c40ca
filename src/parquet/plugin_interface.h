// What libsluice_parquet.so offers: a struct of C functions, so that nothing of Arrow and no C++
// type crosses between it and the program (docs/decisions/0052). Only plugin.cc
// implements it, only library.cc asks for it.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Changes with every change of this file. A library of another version is not used.
#define SLUICE_PARQUET_INTERFACE_VERSION 1
#define SLUICE_PARQUET_ENTRY "sluice_parquet_interface"

enum sluice_parquet_type {
  SLUICE_PARQUET_STRING = 0,     // UTF-8
  SLUICE_PARQUET_BOOLEAN = 1,    // bits, the lowest first
  SLUICE_PARQUET_INT32 = 2,      // 4 bytes
  SLUICE_PARQUET_INT64 = 3,      // 8 bytes
  SLUICE_PARQUET_DECIMAL = 4,    // 16 bytes: the number without its point
  SLUICE_PARQUET_DATE = 5,       // 4 bytes: days since 1970-01-01
  SLUICE_PARQUET_TIMESTAMP = 6,  // 8 bytes: microseconds since 1970-01-01T00:00:00Z
  SLUICE_PARQUET_BINARY = 7,
};

struct sluice_parquet_column {
  const char* name;
  int type;
  int is_list;
  int precision;  // of decimals
  int scale;
  int repeats;  // whether values repeat, so that a dictionary of them pays
};

// The values of one column in some rows, as Arrow lays them out. A list has no nulls inside.
struct sluice_parquet_values {
  const std::uint8_t* validity;      // a bit for each row, the lowest first: whether it is not null
  std::int64_t nulls;                // rows
  const std::int32_t* list_offsets;  // of a list: where the values of each row begin, and the end
  std::int64_t count;                // of values: one a row, or those of all lists
  const std::int32_t* offsets;       // of texts: where each begins, and the end
  const void* values;
  std::int64_t size;  // bytes of `values`
};

// Takes the next bytes of the file. Other than 0: it failed, and nothing more is written.
typedef int (*sluice_parquet_output)(void* context, const char* bytes, std::size_t size);

struct sluice_parquet_writer;

// A message that ends with '\0', cut to its size.
struct sluice_parquet_error {
  char* text;
  std::size_t size;
};

// Functions that can fail return 0 when they did not. None throws.
struct sluice_parquet_functions {
  std::uint32_t interface_version;
  const char* arrow_version;
  int (*create)(const sluice_parquet_column* columns, std::size_t columns_count, int zstd_level,
                sluice_parquet_output output, void* context, sluice_parquet_writer** writer,
                sluice_parquet_error* error);
  // begins_group: the rows before are a whole row group.
  int (*write)(sluice_parquet_writer* writer, const sluice_parquet_values* columns,
               std::int64_t rows, int begins_group, sluice_parquet_error* error);
  int (*finish)(sluice_parquet_writer* writer, sluice_parquet_error* error);
  void (*destroy)(sluice_parquet_writer* writer);
  // The rows of a file by its footer, which is all that it reads.
  int (*count_rows)(const char* path, std::int64_t* rows, sluice_parquet_error* error);
};

// Under the name SLUICE_PARQUET_ENTRY.
typedef const sluice_parquet_functions* (*sluice_parquet_entry)();

}  // extern "C"

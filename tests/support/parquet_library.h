// Lets a test program find the Parquet library that was built with it.
#pragma once

#include <cstdlib>

#include "parquet/library.h"

namespace sluice {

inline const bool kNamesParquetLibrary =
    ::setenv(parquet::kLibraryVariable, SLUICE_TEST_PARQUET_LIBRARY, 1) == 0;

}  // namespace sluice

# Everything Sluice is built from. All of it comes from Debian packages; nothing is downloaded.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json url system)
find_package(OpenSSL 3 REQUIRED)
find_package(simdjson REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)

# CLI11 is headers only and its Debian package has no CMake configuration.
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
add_library(sluice_cli11 INTERFACE)
target_include_directories(sluice_cli11 SYSTEM INTERFACE "${CLI11_INCLUDE_DIR}")

// The manifest: what an artifact promises, beside the artifact (labkit/serving/manifest.py writes it).
//
// A server that starts with the wrong weights answers as readily as one with the right ones. So every file is named with
// its size and SHA-256, and nothing is loaded that does not match.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tensor.h"

namespace labkit {

struct File {
  std::filesystem::path path;
  std::string sha256;
  std::uintmax_t bytes;
  std::int64_t max_rows;  // that the file can take at once; 0: any number
};

struct Manifest {
  std::string name;
  std::string version;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<std::string> labels;    // the names of the classes, in order of their index
  std::map<std::string, File> files;  // by format
};

// The manifest of one model's folder. Throws WrongUse for whatever is missing or malformed.
Manifest read_manifest(const std::filesystem::path& folder);

// Throws WrongUse where the file is missing, cut short or altered.
void check_file(const File& file);

constexpr const char* export_again = "Export the model again, or copy the whole folder again.";

}  // namespace labkit

#pragma once
// Libraries that are opened at run time, when asked for: never a need of the build.
#include <string>
#include <vector>

namespace lat {

// Code::machine names the Debian package that brings the file.
void* open_library(const std::string& file, const std::string& package);
// The first of several versions that is there.
void* open_any_library(const std::vector<std::string>& files, const std::string& package);
// Code::machine where the library has none of that name.
void* symbol(void* library, const char* name, const std::string& file);

template <class F>
F* function_of(void* library, const char* name, const std::string& file) {
  return reinterpret_cast<F*>(symbol(library, name, file));
}

// What is used of OpenBLAS: row-major products, the threads that it takes, its version and what it makes of this CPU.
struct OpenBlas {
  static constexpr const char* kFile = "libopenblas.so.0";
  static constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;

  // cblas_sgemm: order, transposed a and b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc.
  void (*gemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
               float*, int);
  void (*set_threads)(int);
  std::string about;
};
// Opened once.
const OpenBlas& openblas();

}  // namespace lat
